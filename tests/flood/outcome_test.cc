// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/outcome.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/flood/histogram.h"

namespace buzon::flood {
namespace {

const std::vector<Goal> kGoals(kAllGoals.begin(), kAllGoals.end());

Outcome good_outcome() {
    Outcome outcome;
    outcome.peak_growth = 1000;
    outcome.baseline = {.offered = 100, .served_share = 1, .p99_us = 100};
    outcome.attacked = {.offered = 100, .served_share = 0.95, .p99_us = 300};
    outcome.recovery_seconds = 0.5;
    return outcome;
}

std::vector<Goal> missed(const Outcome& outcome) {
    return standing(Standing::Missed, kGoals, outcome, {});
}

TEST(Goals, HoldForABusThatIsNotHarmed) {
    EXPECT_TRUE(missed(good_outcome()).empty());
}

TEST(Goals, EachIsMissedByItself) {
    const struct {
        Goal goal;
        std::function<void(Outcome&)> spoil;
    } cases[] = {
        {Goal::Memory, [](auto& outcome) { outcome.peak_growth = Bounds{}.memory_bytes + 1; }},
        {Goal::Rate, [](auto& outcome) { outcome.attacked.served_share = 0.89; }},
        {Goal::Latency, [](auto& outcome) { outcome.attacked.p99_us = 301; }},
        {Goal::Latency, [](auto& outcome) { outcome.attacked.p99_us = Histogram::kNever; }},
        {Goal::Innocents, [](auto& outcome) { outcome.harm.refused = 1; }},
        {Goal::Innocents, [](auto& outcome) { outcome.harm.stuck = 1; }},
        {Goal::Innocents, [](auto& outcome) { outcome.harm.disconnected = 1; }},
        {Goal::Innocents, [](auto& outcome) { outcome.harm.newcomers = 1; }},
        {Goal::Silent, [](auto& outcome) { outcome.lost.calls = 1; }},
        {Goal::Silent, [](auto& outcome) { outcome.lost.signals = 1; }},
        {Goal::Silent, [](auto& outcome) { outcome.lost.accepted = 1; }},
        {Goal::Recovery, [](auto& outcome) { outcome.recovery_seconds = 1.1; }},
        {Goal::Recovery, [](auto& outcome) { outcome.recovery_seconds.reset(); }},
        {Goal::Idle, [](auto& outcome) { outcome.cpu_after = 0.5; }},
    };
    for (const auto& [goal, spoil] : cases) {
        auto outcome = good_outcome();
        spoil(outcome);
        EXPECT_EQ(missed(outcome), std::vector{goal}) << name_of(goal);
    }
}

TEST(Goals, NoneIsMetByABusThatDiedOrHadToBeEnded) {
    auto died = good_outcome();
    died.died = true;
    EXPECT_EQ(missed(died), kGoals);
    auto killed = good_outcome();
    killed.killed = true;
    EXPECT_EQ(missed(killed), kGoals);
    auto failed = good_outcome();
    failed.failure = "a process does not start";
    EXPECT_EQ(missed(failed), kGoals);
}

TEST(Goals, AreNotMeasuredWhereTheBaselineWasBadItself) {
    const struct {
        std::string_view about;
        Service baseline;
        Service attacked;
        std::vector<Goal> not_measured;
    } cases[] = {
        {"served, slowly", {100, 1, 100'001}, {100, 1, 50}, {Goal::Latency}},
        {"some never", {100, 0.95, Histogram::kNever}, {100, 0.95, 300}, {Goal::Latency}},
        {"neither", {100, 0.5, 50}, {100, 0.6, 50}, {Goal::Rate, Goal::Latency}},
        {"attack served", {100, 0.5, 50}, {100, 1, Histogram::kNever}, {Goal::Latency}},
        {"just usable", {100, 0.9, 100'000}, {100, 1, 300'000}, {}},
    };
    for (const auto& [about, baseline, attacked, not_measured] : cases) {
        auto outcome = good_outcome();
        outcome.baseline = baseline;
        outcome.attacked = attacked;
        EXPECT_EQ(standing(Standing::NotMeasured, kGoals, outcome, {}), not_measured) << about;
        EXPECT_TRUE(missed(outcome).empty()) << about;
    }
}

TEST(Goals, AreFoundByTheirNames) {
    for (const auto goal : kAllGoals)
        EXPECT_EQ(goal_named(name_of(goal)), goal);
    EXPECT_EQ(goal_named("speed"), std::nullopt);
}

TEST(SummedUp, IsTheWorstOfAllRoundsButTheMedianOfRatesAndLatencies) {
    auto slow = good_outcome();
    slow.attacked = {.offered = 100, .served_share = 0.1, .p99_us = 9000};
    auto harmful = good_outcome();
    harmful.harm.refused = 2;
    harmful.refusal = "org.freedesktop.DBus.Error.LimitsExceeded: no room";
    harmful.peak_growth = 5000;
    auto lossy = good_outcome();
    lossy.lost.calls = 1;
    lossy.recovery_seconds = 0.75;
    const auto all = summed_up({slow, harmful, lossy});
    EXPECT_EQ(all.attacked.p99_us, 300U);
    EXPECT_DOUBLE_EQ(all.attacked.served_share, 0.95);
    EXPECT_EQ(all.harm.refused, 2U);
    EXPECT_EQ(all.refusal, harmful.refusal);
    EXPECT_EQ(all.peak_growth, 5000U);
    EXPECT_EQ(all.lost.calls, 1U);
    EXPECT_EQ(all.recovery_seconds, 0.75);
}

TEST(SummedUp, NeverRecoversIfOneRoundDidNot) {
    auto stuck = good_outcome();
    stuck.recovery_seconds.reset();
    EXPECT_FALSE(summed_up({stuck, good_outcome()}).recovery_seconds);
    EXPECT_FALSE(summed_up({good_outcome(), stuck}).recovery_seconds);
}

}  // namespace
}  // namespace buzon::flood
