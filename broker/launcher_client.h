// SPDX-License-Identifier: Apache-2.0
// Calls to the launcher that are waited for, while the bus starts and serves nobody yet. There is
// no deadline: a name service that is slow at boot is no reason not to have a bus, and whoever
// starts us has his own.
// Errors: std::runtime_error with the launcher's text, or with what became of it.
#pragma once

#include <string>
#include <vector>

#include "broker/launcher_protocol.h"
#include "broker/message_stream.h"
#include "bus/message_builder.h"
#include "bus/socket.h"

namespace buzon::broker {

/// Writes a call whose body stands in `builder`.
bus::Result<void, LinkError> send_request(MessageStream& stream,
                                          bus::MessageBuilder& builder,
                                          LauncherRequest request,
                                          std::uint32_t serial,
                                          MessageStream::Waiting waiting);

struct PassedSockets {
    std::vector<bus::BoundSocket> sockets;  // their files are the launcher's
    std::vector<SocketFileFacts> files;
};

class LauncherClient {
public:
    explicit LauncherClient(MessageStream& stream) : stream_(stream) {}

    [[nodiscard]] LoadedConfiguration load();
    [[nodiscard]] PassedSockets bind(const std::string& address);
    /// Returns warnings.
    [[nodiscard]] std::vector<std::string> settle(const SettleOrder& order);

private:
    void send(LauncherRequest request);
    bus::Message wait();
    bus::Message call(LauncherRequest request);

    MessageStream& stream_;
    bus::MessageBuilder builder_;
    std::uint32_t serial_ = 0;
};

}  // namespace buzon::broker
