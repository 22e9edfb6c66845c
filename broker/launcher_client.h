// SPDX-License-Identifier: Apache-2.0
// Calls to the launcher that are waited for, while the bus starts and serves nobody yet. Several
// may be on their way; answers are taken in the order of the calls. There is no deadline: a name
// service that is slow at boot is no reason not to have a bus, and whoever starts us has his own.
// Errors: std::runtime_error with the launcher's text, or with what became of it.
#pragma once

#include <string>
#include <vector>

#include "broker/launcher_protocol.h"
#include "broker/message_stream.h"
#include "bus/message_builder.h"
#include "bus/socket.h"

namespace buzon::broker {

struct RequestForm {
    std::uint32_t serial = 0;
    MessageStream::Waiting waiting = MessageStream::Waiting::Never;
    std::uint8_t flags = 0;
    bus::Ref<const bus::DescriptorSet> descriptors = nullptr;
};

/// Writes a call whose body stands in `builder`.
bus::Result<void, LinkError> send_request(MessageStream& stream,
                                          bus::MessageBuilder& builder,
                                          LauncherRequest request,
                                          const RequestForm& form);

struct PassedSockets {
    std::vector<bus::BoundSocket> sockets;  // their files are the launcher's
    std::vector<SocketFileFacts> files;
};

class LauncherClient {
public:
    explicit LauncherClient(MessageStream& stream) : stream_(stream) {}

    [[nodiscard]] LoadedConfiguration load();

    /// Returns the absolute path.
    [[nodiscard]] PidfileFacts write_pidfile(const std::string& path, pid_t pid);

    /// Calls that may be on their way at once without either side waiting for the other to read.
    static constexpr std::size_t kMaxCallsUnderWay = 16;
    void ask_to_bind(const std::string& address);
    [[nodiscard]] PassedSockets take_bound();
    void ask_to_settle(const SettleOrder& order);
    /// Returns warnings.
    [[nodiscard]] std::vector<std::string> take_settled();
    /// Without an answer, unless it fails: a spare has to say nothing else.
    void tell_to_settle(const SettleOrder& order);

private:
    void send(LauncherRequest request, std::uint8_t flags = 0);
    bus::Message wait();
    bus::Message take_answer();

    MessageStream& stream_;
    bus::MessageBuilder builder_;
    std::uint32_t serial_ = 0;
    std::uint32_t answered_ = 0;
};

}  // namespace buzon::broker
