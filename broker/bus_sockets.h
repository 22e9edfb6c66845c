// SPDX-License-Identifier: Apache-2.0
// The sockets that the bus listens on: one listener per <listen>, each with an identity of its own.
// The launcher binds them and removes their files; this process listens, because clients see who
// called listen().
// Errors: std::runtime_error with a text for the administrator.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "broker/launcher_client.h"
#include "broker/start_settings.h"
#include "bus/base/file_descriptor.h"
#include "bus/guid.h"
#include "bus/socket.h"

namespace buzon::broker {

class BusSockets {
public:
    /// Asks for `address`, or where that is absent, for every address of `listen`. Where one of
    /// them is a list, the first entry that can be bound.
    BusSockets(LauncherClient& launcher,
               const std::optional<std::string>& address,
               const std::vector<ListenAddress>& listen);
    BusSockets(const BusSockets&) = delete;
    BusSockets& operator=(const BusSockets&) = delete;
    /// Removes what is left of their files: of a launcher that had to be killed.
    ~BusSockets();
    /// Takes what has been asked for.
    void take_all(LauncherClient& launcher);

    using Receiver = std::function<void(bus::FileDescriptor socket, const bus::Guid& guid)>;
    /// From now on clients can connect; `receiver`, who gets the sockets, serves them.
    void listen(const Receiver& receiver);
    /// What to tell clients.
    /// Compat: dbus-daemon names the last listener first.
    [[nodiscard]] std::string address() const;
    /// What is to be removed at the end.
    [[nodiscard]] const std::vector<SocketFileFacts>& files() const { return files_; }

private:
    struct Entry {
        std::vector<bus::BoundSocket> sockets;
        bus::Guid guid;
    };

    void take(LauncherClient& launcher);

    std::vector<ListenAddress> asked_;
    std::vector<Entry> entries_;
    std::vector<SocketFileFacts> files_;
};

}  // namespace buzon::broker
