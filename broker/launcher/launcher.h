// SPDX-License-Identifier: Apache-2.0
// The other process of the bus: reads the configuration, asks for users and groups, binds sockets
// and removes their files and the pidfile, keeps the keyring, names processes. Does one thing at a
// time, as the broker asks for it; may block. It ends when the broker's end of the link is closed,
// however that comes about. If it ends of itself, it leaves the files to the next launcher.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "broker/launcher/configuration.h"
#include "broker/launcher/pidfile.h"
#include "broker/launcher_protocol.h"
#include "broker/message_stream.h"
#include "bus/base/ref.h"
#include "bus/message_builder.h"
#include "bus/socket.h"

namespace buzon::broker {

/// Starting: before Settle, with what the start has to do and the rights for that.
enum class LauncherStage : std::uint8_t { Starting, Settled };

class Launcher {
public:
    Launcher(const Options& options, bus::FileDescriptor link, LauncherStage stage);
    Launcher(const Launcher&) = delete;
    Launcher& operator=(const Launcher&) = delete;
    Launcher(Launcher&&) = delete;
    Launcher& operator=(Launcher&&) = delete;
    /// Removes the files of a bus that has gone or never got up, not those of one that lives.
    ~Launcher();

    /// Serves until the broker has gone. Throws where the broker, or the link, cannot be
    /// understood.
    void run();

private:
    using Outcome = bus::Result<void, LinkError>;

    Outcome serve(const bus::Message& message);
    Outcome carry_out(LauncherRequest request, const bus::Message& call);

    Outcome load(const bus::Message& call);
    Outcome send_policy(const bus::Message& call, const policy::ResolvedPolicy& policy);
    Outcome bind(const bus::Message& call);
    Outcome settle(const bus::Message& call);
    Outcome adopt(const bus::Message& call);
    Outcome make_spare(const bus::Message& call);
    Outcome write_pidfile(const bus::Message& call);
    Outcome give_cookie(const bus::Message& call);
    Outcome name_processes(const bus::Message& call);

    bus::WireWriter& start_body() { return builder_.start_body(); }
    /// These send what start_body() has taken.
    Outcome send_part(const bus::Message& call,
                      std::string_view member,
                      std::string_view signature);
    Outcome reply(const bus::Message& call,
                  LauncherRequest request,
                  bus::Ref<const bus::DescriptorSet> descriptors = nullptr);
    Outcome refuse(const bus::Message& call, std::string_view error_name, std::string_view text);
    Outcome send(bus::MessageFields fields, bus::Ref<const bus::DescriptorSet> descriptors);

    const Options& options_;
    ConfigurationReader reader_;
    MessageStream link_;
    LauncherStage stage_;
    bool broker_has_gone_ = false;
    bool start_failed_ = false;  // and the rights are still needed to take back what was done
    bus::MessageBuilder builder_;
    std::uint32_t serial_ = 0;
    std::vector<bus::SocketFile> files_;
    std::optional<Pidfile> pidfile_;
};

}  // namespace buzon::broker
