// SPDX-License-Identifier: Apache-2.0
// Tells the service manager (systemd) how the bus is doing.
// The socket is opened by the constructor, which makes it work after the process has given up its
// rights and its file system; sd_notify(3) of libsystemd opens it anew for each message.
// Source: sd_notify(3). Without a manager every call does nothing; one waits for room a second at
// most.
#pragma once

#include <sys/types.h>

#include <string_view>

#include "bus/base/file_descriptor.h"

namespace buzon::broker {

class ServiceNotifier {
public:
    /// `socket_path` is the value of $NOTIFY_SOCKET: a path, or "@" and an abstract name; empty:
    /// none.
    explicit ServiceNotifier(std::string_view socket_path);
    /// Reads $NOTIFY_SOCKET and removes it, so that no service started by the bus speaks in its
    /// name.
    static ServiceNotifier from_environment();

    /// The bus serves. `pid` is told to the manager because after a start in the background it is
    /// another one than the manager started.
    void ready(pid_t pid) const;
    /// Between reloading() and reloaded() the manager waits.
    void reloading() const;
    void reloaded() const;
    void stopping() const;

private:
    void send(std::string_view text) const;

    bus::FileDescriptor socket_;
};

}  // namespace buzon::broker
