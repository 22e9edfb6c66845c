// SPDX-License-Identifier: Apache-2.0
// One thread's epoll loop: sources, timers, signals, work at the end of a turn, late disposal.
// A turn: wait, run left-over tasks, call the ready sources, fire due timers, run the tasks for the
// end of the turn, dispose.
// Invariant: nothing handed to dispose_later() dies before the callbacks of its turn are over.
// Times are monotonic nanoseconds; the clock is read before and after each wait, and now() stays
// what it was then until the turn is over.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "bus/base/file_descriptor.h"
#include "bus/base/intrusive_list.h"
#include "bus/base/result.h"
#include "bus/base/turn_lengths.h"

namespace buzon::bus {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

class EventLoop;

/// Something that dies later: base of what dispose_later() takes.
class Disposable {
public:
    Disposable() = default;
    Disposable(const Disposable&) = delete;
    Disposable& operator=(const Disposable&) = delete;
    Disposable(Disposable&&) = delete;
    Disposable& operator=(Disposable&&) = delete;
    virtual ~Disposable() = default;
};

/// What epoll wakes. A source stays registered until remove(); its descriptor outlives that.
class EventSource {
public:
    EventSource() = default;
    EventSource(const EventSource&) = delete;
    EventSource& operator=(const EventSource&) = delete;
    EventSource(EventSource&&) = delete;
    EventSource& operator=(EventSource&&) = delete;
    virtual ~EventSource() = default;
    /// `events`: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR…
    virtual void on_ready(std::uint32_t events) = 0;
};

/// Something to do once, at the end of this turn or in the next one. Destroying it cancels it.
class LoopTask : public ListLink<LoopTask> {
public:
    virtual void run_task() = 0;

protected:
    LoopTask() = default;
    ~LoopTask() = default;
};

/// One deadline at a time; disarms itself when destroyed.
class Timer {
public:
    Timer(EventLoop& loop, std::function<void()> on_due);
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    Timer(Timer&&) = delete;
    Timer& operator=(Timer&&) = delete;
    ~Timer() { disarm(); }

    /// Replaces an earlier deadline.
    void arm(TimePoint deadline);
    void disarm();
    [[nodiscard]] bool is_armed() const { return position_.has_value(); }

private:
    friend class EventLoop;
    EventLoop& loop_;
    std::function<void()> on_due_;
    std::optional<std::multimap<TimePoint, Timer*>::iterator> position_;
};

class EventLoop {
public:
    /// How long a loop with traffic goes on asking before it sleeps.
    enum class Spinning : std::uint8_t { Off, Adaptive };

    EventLoop();
    /// `clock` gives the time: for tests. Such a loop does not spin.
    explicit EventLoop(std::function<TimePoint()> clock);
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;
    EventLoop(EventLoop&&) = delete;
    EventLoop& operator=(EventLoop&&) = delete;
    ~EventLoop();

    /// Errors: the errno of epoll_ctl.
    Result<void, int> add(int fd, std::uint32_t events, EventSource& source);
    Result<void, int> modify(int fd, std::uint32_t events, EventSource& source);
    /// Events already fetched for `source` are dropped as well.
    void remove(int fd, EventSource& source);

    /// `on_signal` is called from the loop for each of `signals`, which are blocked for the
    /// process.
    void watch_signals(const std::vector<int>& signals, std::function<void(int)> on_signal);

    /// Either does nothing for a task that is already waiting.
    void at_end_of_turn(LoopTask& task) {
        if (!task.is_linked()) ending_.push_back(task);
    }
    /// The next turn will not sleep.
    void in_next_turn(LoopTask& task) {
        if (!task.is_linked()) next_.push_back(task);
    }
    /// Somebody has put work off to the next turn.
    [[nodiscard]] bool has_tasks() const { return !next_.empty(); }
    void dispose_later(std::unique_ptr<Disposable> object);

    [[nodiscard]] TimePoint now();
    /// Called when a turn is over and nothing is half done; null: nobody.
    void set_after_turn(std::function<void()> after_turn) { after_turn_ = std::move(after_turn); }
    void set_spinning(Spinning spinning) { spinning_ = spinning; }
    /// Of all turns that are over, without the time spent waiting. A turn ends when the next
    /// begins.
    [[nodiscard]] const TurnLengths& turn_lengths() const { return turn_lengths_; }

    void run();
    void stop() { stopping_ = true; }
    /// One turn; waits at most `timeout` (none: until something happens). True if a source was
    /// ready.
    bool turn(std::optional<Duration> timeout);

private:
    friend class Timer;
    class SignalSource;

    [[nodiscard]] int wait(std::optional<Duration> timeout);
    [[nodiscard]] int spin();
    [[nodiscard]] std::optional<Duration> time_to_first_timer();
    void dispatch();
    void run_left_over_tasks();
    void fire_timers();
    void finish_turn();

    static constexpr int kEventsPerTurn = 128;

    std::function<TimePoint()> clock_;
    FileDescriptor epoll_;
    std::array<epoll_event, kEventsPerTurn> events_{};
    int event_count_ = 0;
    int event_next_ = 0;
    std::multimap<TimePoint, Timer*> timers_;
    IntrusiveList<LoopTask, LoopTask> ending_;
    IntrusiveList<LoopTask, LoopTask> next_;
    std::vector<std::unique_ptr<Disposable>> disposed_;
    std::unique_ptr<SignalSource> signals_;
    std::optional<TimePoint> now_;
    std::function<void()> after_turn_;
    std::optional<TimePoint> turn_began_;
    TurnLengths turn_lengths_;
    Spinning spinning_ = Spinning::Off;
    unsigned spin_misses_ = 0;
    unsigned sleeps_to_skip_ = 0;
    bool stopping_ = false;
};

}  // namespace buzon::bus
