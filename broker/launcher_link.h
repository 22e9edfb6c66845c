// SPDX-License-Identifier: Apache-2.0
// What the running bus asks of its launcher, without ever waiting for it: configurations. Beside
// the launcher at work there is a spare, which takes its place when it dies, breaks the protocol or
// misses a deadline; and which then makes the next spare, so that the broker never forks.
// Invariant: every load is answered: by the launcher, at its end, or at the deadline.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/launcher_process.h"
#include "broker/launcher_protocol.h"
#include "broker/load_assembly.h"
#include "broker/reload.h"
#include "bus/base/event_loop.h"
#include "bus/base/log.h"
#include "bus/message_builder.h"

namespace buzon::broker {

class LauncherLink final : public SettingsSource {
public:
    /// For a configuration: what a slow name service may take. A launcher that takes longer is
    /// taken for stuck and killed.
    static constexpr std::chrono::seconds kDeadline{60};

    /// `files`: those that `active` removes at its end. Either process may be missing.
    LauncherLink(bus::EventLoop& loop,
                 bus::Log& log,
                 std::unique_ptr<LauncherProcess> active,
                 std::unique_ptr<LauncherProcess> spare,
                 std::vector<SocketFileFacts> files,
                 bus::Duration deadline = kDeadline);
    LauncherLink(const LauncherLink&) = delete;
    LauncherLink& operator=(const LauncherLink&) = delete;
    LauncherLink(LauncherLink&&) = delete;
    LauncherLink& operator=(LauncherLink&&) = delete;
    /// Ends both gently.
    ~LauncherLink();

    void load(SettingsReceiver& receiver) override;
    /// To be called for SIGCHLD.
    void reap();

    /// 0: there is none.
    [[nodiscard]] pid_t active_pid() const { return pid_of(active_); }
    [[nodiscard]] pid_t spare_pid() const { return pid_of(spare_); }
    [[nodiscard]] bool has_active() const { return active_ != nullptr; }
    [[nodiscard]] bool has_spare() const { return spare_ != nullptr; }

private:
    /// A launcher and its place in the loop.
    struct Channel final : bus::EventSource, bus::Disposable {
        Channel(LauncherLink& owner, std::unique_ptr<LauncherProcess> launcher);
        ~Channel() override;
        void on_ready(std::uint32_t events) override;
        MessageStream& stream() { return process->stream(); }

        LauncherLink& link;
        std::unique_ptr<LauncherProcess> process;
    };
    using ChannelPtr = std::unique_ptr<Channel>;

    static pid_t pid_of(const ChannelPtr& channel) { return channel ? channel->process->pid() : 0; }
    [[nodiscard]] ChannelPtr open(std::unique_ptr<LauncherProcess> process);
    void on_ready(Channel& channel);
    void on_message(const bus::Message& message);
    void on_load_answer(const bus::Message& message);
    void on_spare_answer(const bus::Message& message);
    void finish_load(LoadOutcome outcome);

    bool ask(LauncherRequest request);
    void ask_for_spare();
    void lose(Channel& channel, const std::string& reason);
    void lose_active(const std::string& reason);
    void lose_spare(const std::string& reason);
    void promote_spare();
    void abandon(ChannelPtr channel);
    void look_for_end(ChannelPtr& channel);

    bus::EventLoop& loop_;
    bus::Log& log_;
    const std::vector<SocketFileFacts> files_;
    const bus::Duration deadline_;
    bus::Timer timer_;
    ChannelPtr active_;
    ChannelPtr spare_;
    std::vector<pid_t> killed_;  // and not reaped yet

    bus::MessageBuilder builder_;
    std::uint32_t serial_ = 1000;  // above those of the start, whose answers have all come
    SettingsReceiver* receiver_ = nullptr;
    std::uint32_t load_serial_ = 0;
    std::uint32_t spare_serial_ = 0;
    std::optional<bus::TimePoint> spare_asked_at_;
    LoadAssembly assembly_;
};

}  // namespace buzon::broker
