// SPDX-License-Identifier: Apache-2.0
// When ports write. Usually at the end of the turn that has queued something, all of them; the
// copies of a fan-out to many are written over several turns, so that none of these takes long.
// All copies have been queued by then, so nobody can see one, act on it and be ahead of another.
// Invariant: a port that is scheduled is written, in a turn that doesn't sleep before it.
#pragma once

#include <cstddef>

#include "bus/base/event_loop.h"
#include "bus/base/intrusive_list.h"

namespace buzon::broker {

/// A port that has something to write: as a LoopTask soon, in the other list when its turn comes.
class WritingPort : public bus::LoopTask, public bus::ListLink<WritingPort> {
public:
    [[nodiscard]] virtual std::size_t queued_bytes() const = 0;
    [[nodiscard]] bool is_scheduled() const {
        return LoopTask::is_linked() || ListLink<WritingPort>::is_linked();
    }
    /// A fan-out has queued something that has not been offered to the socket yet.
    [[nodiscard]] bool is_behind_fan_out() const {
        return is_behind_fan_out_ && ListLink<WritingPort>::is_linked();
    }
    void set_behind_fan_out(bool is_behind) { is_behind_fan_out_ = is_behind; }
    void forget_schedule() {
        LoopTask::unlink();
        ListLink<WritingPort>::unlink();
    }

protected:
    ~WritingPort() = default;

private:
    bool is_behind_fan_out_ = false;
};

class PortWrites final : private bus::LoopTask {
public:
    /// Of one turn, for fan-outs: about half a millisecond.
    static constexpr std::size_t kSpreadPerTurn = 256;
    static constexpr std::size_t kSpreadBytesPerTurn = std::size_t{512} << 10;
    /// Fan-outs to fewer are written at once.
    static constexpr std::size_t kManyReceivers = 128;

    explicit PortWrites(bus::EventLoop& loop) : loop_(loop), next_turn_(*this) {}

    [[nodiscard]] bus::EventLoop& loop() { return loop_; }
    /// At the end of this turn; for a fan-out later.
    void schedule(WritingPort& port);
    /// In this turn or a later one: for those of whom there may be very many at once.
    void put_off(WritingPort& port);

    /// While it lives, ports are scheduled for later turns, if `receivers` are many. Whoever has
    /// something else to write as well does not wait.
    class FanOut {
    public:
        FanOut(PortWrites& writes, std::size_t receivers) : writes_(writes) {
            writes_.is_fan_out_ = receivers >= kManyReceivers;
        }
        FanOut(const FanOut&) = delete;
        FanOut& operator=(const FanOut&) = delete;
        FanOut(FanOut&&) = delete;
        FanOut& operator=(FanOut&&) = delete;
        ~FanOut() { writes_.is_fan_out_ = false; }

    private:
        PortWrites& writes_;
    };

private:
    /// Comes back at the end of the next turn, which does not sleep.
    class NextTurn final : public bus::LoopTask {
    public:
        explicit NextTurn(PortWrites& writes) : writes_(writes) {}
        void run_task() override { writes_.loop_.at_end_of_turn(writes_); }

    private:
        PortWrites& writes_;
    };

    void run_task() override;

    bus::EventLoop& loop_;
    NextTurn next_turn_;
    bus::IntrusiveList<WritingPort, WritingPort> spread_;
    bool is_fan_out_ = false;
};

}  // namespace buzon::broker
