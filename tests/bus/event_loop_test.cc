// SPDX-License-Identifier: Apache-2.0
#include "bus/base/event_loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <vector>

namespace buzon::bus {
namespace {

using namespace std::chrono_literals;

class Loop : public testing::Test {
protected:
    bool turn() { return loop_.turn(Duration::zero()); }

    TimePoint now_{1h};
    EventLoop loop_{[this] { return now_; }};
};

/// Readable all the time.
class Ready final : public EventSource {
public:
    Ready() {
        std::array<int, 2> ends{};
        if (::pipe(ends.data()) < 0 || ::write(ends[1], "x", 1) != 1) std::abort();
        reader.reset(ends[0]);
        writer.reset(ends[1]);
    }
    void on_ready(std::uint32_t) override {
        ++calls;
        if (action) action();
    }
    FileDescriptor reader, writer;
    std::function<void()> action;
    int calls = 0;
};

class Task final : public LoopTask {
public:
    explicit Task(std::function<void()> action) : action_(std::move(action)) {}
    void run_task() override { action_(); }

private:
    std::function<void()> action_;
};

TEST_F(Loop, WhatDisposalGivesRiseToIsDoneInTheSameTurn) {
    std::string done;
    Task task([&] { done += 't'; });
    struct Dying final : Disposable {
        Dying(EventLoop& owner, LoopTask& then) : loop(owner), task(then) {}
        ~Dying() override { loop.at_end_of_turn(task); }
        EventLoop& loop;
        LoopTask& task;
    };
    loop_.dispose_later(std::make_unique<Dying>(loop_, task));
    turn();
    EXPECT_EQ(done, "t") << "else it would wait for the next event, and the loop sleep";
}

TEST_F(Loop, TimersFireInTheOrderOfTheirDeadlinesAndOnce) {
    std::string fired;
    Timer late(loop_, [&] { fired += 'l'; });
    Timer early(loop_, [&] { fired += 'e'; });
    Timer never(loop_, [&] { fired += 'n'; });
    late.arm(now_ + 20ms);
    early.arm(now_ + 10ms);
    never.arm(now_ + 15ms);
    never.disarm();
    turn();
    EXPECT_EQ(fired, "");
    now_ += 30ms;
    turn();
    turn();
    EXPECT_EQ(fired, "el");
}

TEST_F(Loop, ATimerMayBeArmedAgainFromItsCallback) {
    int fired = 0;
    Timer timer(loop_, [&] {
        if (++fired < 3) timer.arm(now_);
    });
    timer.arm(now_);
    for (int i = 0; i < 3; ++i)
        turn();
    EXPECT_EQ(fired, 3);
}

TEST_F(Loop, ATimerThatIsAlwaysArmedForNowDoesNotKeepATurnFromEnding) {
    int fired = 0;
    Timer timer(loop_, [&] {
        ++fired;
        timer.arm(now_);
    });
    timer.arm(now_);
    turn();
    EXPECT_EQ(fired, 1);
    turn();
    EXPECT_EQ(fired, 2);
}

TEST_F(Loop, ASourceRemovedByAnotherIsNotCalledInTheSameTurn) {
    Ready first, second;
    ASSERT_TRUE(loop_.add(first.reader.get(), EPOLLIN, first));
    ASSERT_TRUE(loop_.add(second.reader.get(), EPOLLIN, second));
    first.action = [&] { loop_.remove(second.reader.get(), second); };
    second.action = [&] { loop_.remove(first.reader.get(), first); };
    turn();
    EXPECT_EQ(first.calls + second.calls, 1);
}

TEST_F(Loop, ATaskOfTheNextTurnMayRemoveAReadySource) {
    Ready source;
    ASSERT_TRUE(loop_.add(source.reader.get(), EPOLLIN, source));
    Task task([&] { loop_.remove(source.reader.get(), source); });
    loop_.in_next_turn(task);
    turn();
    EXPECT_EQ(source.calls, 0);
}

TEST_F(Loop, TasksRunAtTheEndOfTheTurnOrInTheNextOne) {
    std::string order;
    Task ending([&] { order += 'e'; });
    Task next([&] { order += 'n'; });
    Ready source;
    source.action = [&] { order += 's'; };
    ASSERT_TRUE(loop_.add(source.reader.get(), EPOLLIN, source));
    loop_.at_end_of_turn(ending);
    loop_.at_end_of_turn(ending);
    loop_.in_next_turn(next);
    EXPECT_TRUE(loop_.has_tasks());
    turn();
    EXPECT_EQ(order, "nse");
    EXPECT_FALSE(loop_.has_tasks());
}

TEST_F(Loop, ATaskThatPutsItselfOffRunsOnceATurn) {
    int runs = 0;
    Task task([&] {
        ++runs;
        loop_.in_next_turn(task);
    });
    loop_.in_next_turn(task);
    turn();
    EXPECT_EQ(runs, 1);
    turn();
    EXPECT_EQ(runs, 2);
}

TEST_F(Loop, ADestroyedTaskDoesNotRun) {
    bool ran = false;
    {
        Task task([&] { ran = true; });
        loop_.at_end_of_turn(task);
    }
    turn();
    EXPECT_FALSE(ran);
}

TEST_F(Loop, WhatIsDisposedOfLivesUntilTheTurnIsOver) {
    struct Witness final : Disposable {
        explicit Witness(bool& flag) : alive(flag) { alive = true; }
        ~Witness() override { alive = false; }
        bool& alive;
    };
    bool alive = false, alive_at_end = false;
    Ready source;
    source.action = [&] { loop_.dispose_later(std::make_unique<Witness>(alive)); };
    Task ending([&] { alive_at_end = alive; });
    ASSERT_TRUE(loop_.add(source.reader.get(), EPOLLIN, source));
    loop_.at_end_of_turn(ending);
    turn();
    EXPECT_TRUE(alive_at_end);
    EXPECT_FALSE(alive);
}

TEST_F(Loop, LengthsOfTurnsAreCountedWithoutTheWaitBetweenThem) {
    Ready source;
    ASSERT_TRUE(loop_.add(source.reader.get(), EPOLLIN, source));
    source.action = [&] { now_ += 100us; };
    turn();
    EXPECT_EQ(loop_.turn_lengths().total(), 0us) << "the first one has not ended yet";
    source.action = [&] { now_ += 3ms; };
    turn();
    source.action = [&] { now_ += 2s; };
    turn();
    loop_.remove(source.reader.get(), source);
    turn();
    EXPECT_EQ(loop_.turn_lengths().total(), 100us + 3ms + 2s);

    std::array<std::uint64_t, TurnLengths::kBounds.size() + 1> counts{};
    counts[0] = 1;  // up to 100 us
    counts[5] = 1;  // up to 5 ms
    counts[13] = 1;
    EXPECT_EQ(loop_.turn_lengths().counts(), counts);
}

TEST_F(Loop, WhatASourceDoesTakesNoTimeForOthersInTheSameTurn) {
    const TimePoint before = now_;
    TimePoint seen;
    Ready source;
    ASSERT_TRUE(loop_.add(source.reader.get(), EPOLLIN, source));
    source.action = [&] {
        now_ += 1ms;
        seen = loop_.now();
    };
    turn();
    EXPECT_EQ(seen, before);
}

TEST_F(Loop, SignalsArriveEvenIfTheyWereIgnoredAtTheStart) {
    std::signal(SIGHUP, SIG_IGN);
    std::vector<int> seen;
    loop_.watch_signals({SIGHUP}, [&](int number) { seen.push_back(number); });
    ::raise(SIGHUP);
    turn();
    EXPECT_EQ(seen, std::vector<int>{SIGHUP});
}

}  // namespace
}  // namespace buzon::bus
