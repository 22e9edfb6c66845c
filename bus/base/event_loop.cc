// SPDX-License-Identifier: Apache-2.0
#include "bus/base/event_loop.h"

#include <sched.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace buzon::bus {

namespace {

// Waking a sleeping CPU costs some 50 µs on a virtual machine; for twice that asking is cheaper.
constexpr auto kSpinTime = std::chrono::microseconds(100);
// A yield that takes longer has given the CPU to somebody with work of his own. The kernel then
// serves us last, so on a busy machine we had better sleep and be woken.
constexpr auto kLongYield = std::chrono::microseconds(100);
// After a spin in vain the next ones are left out, twice as many each time: with a message every
// millisecond one spin in kMaxSkippedSpins sleeps remains, which is lost in the noise.
constexpr unsigned kMaxSkippedSpins = 512;

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::system_category(), what);
}

}  // namespace

class EventLoop::SignalSource final : public EventSource {
public:
    SignalSource(const std::vector<int>& signals, std::function<void(int)> on_signal)
        : on_signal_(std::move(on_signal)) {
        sigset_t set;
        sigemptyset(&set);
        for (const int number : signals) {
            // What is ignored, as SIGHUP is under nohup, would not reach the signalfd either.
            std::signal(number, SIG_DFL);
            sigaddset(&set, number);
        }
        if (::sigprocmask(SIG_BLOCK, &set, nullptr) < 0) fail("sigprocmask");
        fd_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
        if (!fd_) fail("signalfd");
    }
    [[nodiscard]] int fd() const { return fd_.get(); }
    void on_ready(std::uint32_t) override {
        signalfd_siginfo info{};
        while (::read(fd_.get(), &info, sizeof info) == sizeof info)
            on_signal_(static_cast<int>(info.ssi_signo));
    }

private:
    FileDescriptor fd_;
    std::function<void(int)> on_signal_;
};

Timer::Timer(EventLoop& loop, std::function<void()> on_due)
    : loop_(loop), on_due_(std::move(on_due)) {}

void Timer::arm(TimePoint deadline) {
    disarm();
    position_ = loop_.timers_.emplace(deadline, this);
}

void Timer::disarm() {
    if (!position_) return;
    loop_.timers_.erase(*position_);
    position_.reset();
}

EventLoop::EventLoop() : EventLoop([] { return Clock::now(); }) {
    spinning_ = Spinning::Adaptive;
}

EventLoop::EventLoop(std::function<TimePoint()> clock)
    : clock_(std::move(clock)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) fail("epoll_create1");
}

EventLoop::~EventLoop() = default;

Result<void, int> EventLoop::add(int fd, std::uint32_t events, EventSource& source) {
    epoll_event event{.events = events, .data = {.ptr = &source}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0) return Unexpected{errno};
    return {};
}

Result<void, int> EventLoop::modify(int fd, std::uint32_t events, EventSource& source) {
    epoll_event event{.events = events, .data = {.ptr = &source}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) < 0) return Unexpected{errno};
    return {};
}

void EventLoop::remove(int fd, EventSource& source) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    for (int i = event_next_; i < event_count_; ++i) {
        auto& pending = events_[static_cast<std::size_t>(i)];
        if (pending.data.ptr == &source) pending.data.ptr = nullptr;
    }
}

void EventLoop::watch_signals(const std::vector<int>& signals, std::function<void(int)> on_signal) {
    signals_ = std::make_unique<SignalSource>(signals, std::move(on_signal));
    if (!add(signals_->fd(), EPOLLIN, *signals_)) fail("epoll_ctl");
}

void EventLoop::dispose_later(std::unique_ptr<Disposable> object) {
    disposed_.push_back(std::move(object));
}

TimePoint EventLoop::now() {
    if (!now_) now_ = clock_();
    return *now_;
}

void EventLoop::run() {
    stopping_ = false;
    while (!stopping_)
        turn(std::nullopt);
}

bool EventLoop::turn(std::optional<Duration> timeout) {
    now_ = clock_();
    if (turn_began_) turn_lengths_.add(*now_ - *turn_began_);
    const int count = wait(timeout);
    turn_began_ = now_;
    event_next_ = 0;
    event_count_ = count;
    run_left_over_tasks();
    dispatch();
    fire_timers();
    finish_turn();
    if (after_turn_) after_turn_();
    return count > 0;
}

std::optional<Duration> EventLoop::time_to_first_timer() {
    if (timers_.empty()) return std::nullopt;
    return std::max(Duration::zero(), timers_.begin()->first - now());
}

/// Leaves in now_ when it returned.
int EventLoop::wait(std::optional<Duration> timeout) {
    if (!next_.empty()) timeout = Duration::zero();
    if (spinning_ == Spinning::Adaptive && timeout != Duration::zero()) {
        if (const int count = spin(); count > 0) return count;
    }
    if (const auto first = time_to_first_timer(); first && (!timeout || *first < *timeout))
        timeout = first;
    // Whole milliseconds, rounded up: a deadline may pass a little late, never early.
    int timeout_ms = -1;
    if (timeout) {
        const auto whole = std::chrono::ceil<std::chrono::milliseconds>(*timeout).count();
        timeout_ms = static_cast<int>(std::min<std::int64_t>(whole, 60'000));
    }
    const int count = ::epoll_wait(epoll_.get(), events_.data(), kEventsPerTurn, timeout_ms);
    now_ = clock_();
    if (count >= 0) return count;
    if (errno != EINTR) fail("epoll_wait");
    return 0;
}

/// Asks the kernel a while without sleeping, if that has paid off lately.
int EventLoop::spin() {
    if (sleeps_to_skip_ > 0) {
        --sleeps_to_skip_;
        return 0;
    }
    const TimePoint start = now();
    for (TimePoint before = start; before - start < kSpinTime;) {
        const int count = ::epoll_wait(epoll_.get(), events_.data(), kEventsPerTurn, 0);
        if (count > 0) {
            spin_misses_ = 0;
            return count;
        }
        ::sched_yield();
        const TimePoint after = clock_();
        now_ = after;
        if (after - before > kLongYield) {
            sleeps_to_skip_ = kMaxSkippedSpins;
            return 0;
        }
        before = after;
    }
    spin_misses_ = std::min(spin_misses_ + 1, 16U);
    sleeps_to_skip_ = std::min(1U << spin_misses_, kMaxSkippedSpins);
    return 0;
}

void EventLoop::dispatch() {
    while (event_next_ < event_count_) {
        const epoll_event& event = events_[static_cast<std::size_t>(event_next_++)];
        if (event.data.ptr) static_cast<EventSource*>(event.data.ptr)->on_ready(event.events);
    }
    event_count_ = event_next_ = 0;
}

void EventLoop::run_left_over_tasks() {
    // A task may put itself off to yet another turn, so only those that wait now are run.
    IntrusiveList<LoopTask, LoopTask> due;
    due.splice_back(next_);
    while (!due.empty()) {
        LoopTask& task = due.front();
        task.unlink();
        task.run_task();
    }
}

void EventLoop::fire_timers() {
    // One that is armed again for a time that has come fires in the next turn at the latest.
    for (auto left = timers_.size(); left > 0; --left) {
        if (timers_.empty() || timers_.begin()->first > now()) return;
        Timer& due = *timers_.begin()->second;
        due.disarm();
        due.on_due_();
    }
}

void EventLoop::finish_turn() {
    // What is disposed of may give rise to more tasks, and to more to dispose of.
    while (!ending_.empty() || !disposed_.empty()) {
        while (!ending_.empty()) {
            LoopTask& task = ending_.front();
            task.unlink();
            task.run_task();
        }
        auto dying = std::move(disposed_);
        disposed_.clear();
    }
}

}  // namespace buzon::bus
