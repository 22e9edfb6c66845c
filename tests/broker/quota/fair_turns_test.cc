// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/fair_turns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace buzon::broker {
namespace {

constexpr std::size_t kQuantum = FairTurns::kQuantum;

/// Has `work` to do, in pieces of `piece`.
class Worker final : public TurnTaker {
public:
    Worker(FairTurns& turns, TurnShare& parent, std::size_t piece = kQuantum)
        : TurnTaker(&parent), turns_(turns), piece_(piece) {}
    void give(std::size_t work) {
        left_ += work;
        turns_.wait(*this);
    }
    Turn take_turn(std::size_t) override {
        const std::size_t part = std::min(piece_, left_);
        left_ -= part;
        done_ += part;
        ++turns_taken_;
        return {part, left_ > 0 ? Left::More : Left::Nothing};
    }
    [[nodiscard]] std::size_t done() const { return done_; }
    [[nodiscard]] int turns_taken() const { return turns_taken_; }

private:
    FairTurns& turns_;
    std::size_t piece_;
    std::size_t left_ = 0;
    std::size_t done_ = 0;
    int turns_taken_ = 0;
};

class FairTurnsTest : public testing::Test {
protected:
    FairTurnsTest() { loop_.set_spinning(bus::EventLoop::Spinning::Off); }
    void turn() { loop_.turn(std::chrono::nanoseconds(0)); }
    std::unique_ptr<Worker> worker(TurnShare& parent, std::size_t piece = kQuantum) {
        return std::make_unique<Worker>(turns_, parent, piece);
    }

    bus::EventLoop loop_;
    FairTurns turns_{loop_};
};

constexpr std::size_t kForEver = std::size_t{1} << 40;

TEST_F(FairTurnsTest, ALoneOneIsServedUntilTheBudgetOfTheTurnIsUsed) {
    const auto one = worker(turns_.root());
    one->give(kForEver);
    turn();
    EXPECT_EQ(one->done(), FairTurns::kTurnBudget);
    EXPECT_TRUE(loop_.has_tasks()) << "the loop does not sleep while somebody waits";
    turn();
    EXPECT_EQ(one->done(), 2 * FairTurns::kTurnBudget);
}

/// Whose work makes work for another.
class Starter final : public TurnTaker {
public:
    Starter(TurnShare& parent, Worker& other) : TurnTaker(&parent), other_(other) {}
    Turn take_turn(std::size_t) override {
        other_.give(kForEver);
        return {1, Left::Nothing};
    }

private:
    Worker& other_;
};

TEST_F(FairTurnsTest, WorkThatComesUpMeanwhileDoesNotMakeATurnLonger) {
    const auto other = worker(turns_.root());
    Starter starter(turns_.root(), *other);
    turns_.wait(starter);
    turn();
    EXPECT_LE(other->done(), FairTurns::kTurnBudget + kQuantum);
    EXPECT_TRUE(loop_.has_tasks());
}

TEST_F(FairTurnsTest, WhoeverHasLittleIsDoneInOneTurn) {
    const auto one = worker(turns_.root(), 100);
    one->give(1000);
    turn();
    EXPECT_EQ(one->done(), 1000U);
    EXPECT_FALSE(one->is_waiting());
    EXPECT_FALSE(loop_.has_tasks());
}

TEST_F(FairTurnsTest, TimeIsSharedAmongGroupsHoweverManyOneHas) {
    TurnGroup many(&turns_.root()), few(&turns_.root());
    std::vector<std::unique_ptr<Worker>> crowd;
    for (int i = 0; i < 250; ++i)
        crowd.push_back(worker(many));
    const auto lone = worker(few);
    for (const auto& one : crowd)
        one->give(kForEver);
    lone->give(kForEver);
    for (int i = 0; i < 1000; ++i)
        turn();
    std::size_t all = lone->done();
    for (const auto& one : crowd) {
        all += one->done();
        EXPECT_NEAR(static_cast<double>(one->done()), static_cast<double>(crowd.front()->done()),
                    2.0 * kQuantum);
    }
    EXPECT_NEAR(static_cast<double>(lone->done()), static_cast<double>(all) / 2, 2.0 * kQuantum);
}

TEST_F(FairTurnsTest, SmallPiecesGetAsMuchAsLargeOnes) {
    const auto small = worker(turns_.root(), kQuantum / 100);
    const auto large = worker(turns_.root(), kQuantum * 3);
    small->give(kForEver);
    large->give(kForEver);
    for (int i = 0; i < 1000; ++i)
        turn();
    EXPECT_NEAR(static_cast<double>(small->done()), static_cast<double>(large->done()),
                4.0 * kQuantum);
}

TEST_F(FairTurnsTest, ANewcomerWaitsForAQuantumOfEachOther) {
    std::vector<std::unique_ptr<Worker>> others;
    for (int i = 0; i < 7; ++i) {
        others.push_back(worker(turns_.root()));
        others.back()->give(kForEver);
    }
    turn();
    std::size_t before = 0;
    for (const auto& other : others)
        before += other->done();
    const auto late = worker(turns_.root(), 1);
    late->give(1);
    while (late->done() == 0)
        turn();
    std::size_t meanwhile = 0;
    for (const auto& other : others)
        meanwhile += other->done();
    EXPECT_LE(meanwhile - before, 8 * kQuantum + FairTurns::kTurnBudget);
}

TEST_F(FairTurnsTest, LeavingEndsTheWaitAlsoOfTheGroup) {
    TurnGroup group(&turns_.root());
    const auto one = worker(group);
    const auto other = worker(group);
    one->give(kForEver);
    other->give(kForEver);
    FairTurns::leave(*one);
    EXPECT_TRUE(group.is_waiting());
    FairTurns::leave(*other);
    EXPECT_FALSE(group.is_waiting());
    turn();
    EXPECT_EQ(one->turns_taken() + other->turns_taken(), 0);
}

TEST_F(FairTurnsTest, AHugeCostIsWorkedOffAndNotMore) {
    const auto huge = worker(turns_.root(), kForEver / 2);
    const auto other = worker(turns_.root());
    huge->give(kForEver);
    turn();
    EXPECT_EQ(huge->turns_taken(), 1);
    other->give(kForEver);
    int turns = 0;
    for (; huge->turns_taken() == 1; ++turns)
        turn();
    EXPECT_GT(other->done(), 200 * kQuantum);
    EXPECT_LT(turns, 300) << "what exceeds the largest debt is forgiven";
}

}  // namespace
}  // namespace buzon::broker
