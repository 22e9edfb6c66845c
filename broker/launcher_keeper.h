// SPDX-License-Identifier: Apache-2.0
// Keeps a launcher at work and a spare beside it, which takes its place when it dies, breaks the
// protocol or misses a deadline; and which then makes the next spare, so that the broker never
// forks. Calls are answered in their order; nobody waits for them.
// Invariant: every call comes to an end: by its answer, with its launcher, or at the deadline.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/launcher_process.h"
#include "broker/launcher_protocol.h"
#include "bus/base/event_loop.h"
#include "bus/base/log.h"
#include "bus/message_builder.h"

namespace buzon::broker {

/// Who has asked the launcher something.
class LauncherCaller {
public:
    /// Signals with parts, then the return or an error. False: that is no answer to what was asked.
    virtual bool on_answer(const bus::Message& message) = 0;
    /// There will be no answer. `reason`: "the launcher process has ended".
    virtual void on_lost(const std::string& reason) = 0;

protected:
    ~LauncherCaller() = default;
};

/// How long a launcher may work at a call before it is taken for stuck and killed.
struct LauncherDeadlines {
    bus::Duration load = std::chrono::seconds(60);  // a slow name service may take that
    bus::Duration others = std::chrono::seconds(10);
};

class LauncherKeeper final : private LauncherCaller {
public:
    /// Between two spares where one dies or cannot be made.
    static constexpr std::chrono::seconds kSpareInterval{10};

    /// `files`: those that `active` removes at its end. Either process may be missing.
    LauncherKeeper(bus::EventLoop& loop,
                   bus::Log& log,
                   std::unique_ptr<LauncherProcess> active,
                   std::unique_ptr<LauncherProcess> spare,
                   LauncherFiles files,
                   LauncherDeadlines deadlines = {});
    LauncherKeeper(const LauncherKeeper&) = delete;
    LauncherKeeper& operator=(const LauncherKeeper&) = delete;
    LauncherKeeper(LauncherKeeper&&) = delete;
    LauncherKeeper& operator=(LauncherKeeper&&) = delete;
    /// Ends both gently.
    ~LauncherKeeper();

    /// Sends the call whose body stands in `builder`, with copies of `descriptors`. `caller` hears
    /// of it exactly once, perhaps before this returns, and must live until then.
    void ask(LauncherRequest request,
             bus::MessageBuilder& builder,
             LauncherCaller& caller,
             const bus::Ref<const bus::DescriptorSet>& descriptors = nullptr);
    /// Sees to it that a spare is made before whatever is asked next.
    void want_spare();
    /// To be called for SIGCHLD. Reaps all children of this process.
    void reap();

    /// 0: there is none.
    [[nodiscard]] pid_t active_pid() const { return pid_of(active_); }
    [[nodiscard]] pid_t spare_pid() const { return pid_of(spare_); }
    [[nodiscard]] bool has_active() const { return active_ != nullptr; }
    [[nodiscard]] bool has_spare() const { return spare_ != nullptr; }

private:
    struct Call {
        std::uint32_t serial;
        LauncherRequest request;
        LauncherCaller* caller;  // null: nobody wants to know
    };
    /// A launcher, its place in the loop, and what it has been asked, the oldest first.
    struct Channel final : bus::EventSource, bus::Disposable {
        Channel(LauncherKeeper& owner, std::unique_ptr<LauncherProcess> launcher);
        ~Channel() override;
        void on_ready(std::uint32_t events) override;
        MessageStream& stream() { return process->stream(); }

        LauncherKeeper& keeper;
        std::unique_ptr<LauncherProcess> process;
        std::deque<Call> calls;
        bus::Timer timer;  // for the oldest call; while ending, for the signal of its end
        bool is_ending = false;
    };
    using ChannelPtr = std::unique_ptr<Channel>;

    static pid_t pid_of(const ChannelPtr& channel) { return channel ? channel->process->pid() : 0; }
    [[nodiscard]] ChannelPtr open(std::unique_ptr<LauncherProcess> process);
    [[nodiscard]] bool send(LauncherRequest request,
                            bus::MessageBuilder& builder,
                            LauncherCaller* caller,
                            bus::Ref<const bus::DescriptorSet> descriptors);
    void ask_for_spare();
    void watch_deadline(Channel& channel);

    void on_ready(Channel& channel);
    void on_due(Channel& channel);
    void on_end_of_stream(Channel& channel);
    [[nodiscard]] bool take_answer(Channel& channel, const bus::Message& message);
    /// Those of MakeSpare.
    bool on_answer(const bus::Message& message) override;
    void on_lost(const std::string& reason) override;
    void have_no_spare(std::string_view reason);

    void lose(Channel& channel, const std::string& reason);
    void lose_active(const std::string& reason);
    void lose_spare(const std::string& reason);
    void promote_spare();
    void abandon(ChannelPtr channel);
    bool look_for_end(Channel& channel);
    [[nodiscard]] Channel* find(pid_t pid) const;

    bus::EventLoop& loop_;
    bus::Log& log_;
    const LauncherFiles files_;
    const LauncherDeadlines deadlines_;
    ChannelPtr active_;
    ChannelPtr spare_;
    bus::MessageBuilder builder_;
    std::uint32_t serial_ = 1000;  // above those of the start, whose answers have all come
    bool spare_asked_ = false;
    std::optional<bus::TimePoint> spare_asked_at_;
    bus::Timer spare_timer_;
};

}  // namespace buzon::broker
