// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/flood/histogram.h"

namespace buzon::flood {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::vector<Goal> kGoals(kAllGoals.begin(), kAllGoals.end());

Outcome outcome_of(const std::string& bus) {
    Outcome outcome;
    outcome.attack = "stalled-calls";
    outcome.bus = bus;
    outcome.peak_growth = std::size_t{3} << 20;
    outcome.baseline = {.offered = 100, .served_share = 1, .p99_us = 1000};
    outcome.attacked = {.offered = 100, .served_share = 0.999, .p99_us = 2500};
    outcome.recovery_seconds = 0.25;
    return outcome;
}

TEST(RowOf, ShowsWhatWasMeasuredAndThatGoalsHold) {
    const auto row = row_of(outcome_of("buzond"), kGoals, {});
    for (const auto* const part :
         {"stalled-calls", "buzond", "3.0", " 99%", "2.5 (2.5x)", "0.25 s", "  ok\n"})
        EXPECT_THAT(row, HasSubstr(part));
}

TEST(RowOf, TellsDifferentHarmApartAndNamesTheGoalsMissed) {
    auto outcome = outcome_of("buzond");
    outcome.harm = {.refused = 2, .stuck = 0, .disconnected = 1, .newcomers = 4};
    outcome.lost = {.calls = 1, .signals = 2, .accepted = 3};
    outcome.attacked.p99_us = Histogram::kNever;
    const auto row = row_of(outcome, kGoals, {});
    for (const auto* const part : {"1d 2r 4n", " 6 ", "never", "misses latency, innocents, silent"})
        EXPECT_THAT(row, HasSubstr(part));
}

TEST(RowOf, QuotesWhatAGoodPairGot) {
    auto outcome = outcome_of("buzond");
    EXPECT_THAT(row_of(outcome, kGoals, {}), Not(HasSubstr("good pair")));
    outcome.harm.refused = 1;
    outcome.refusal = "a.b.LimitsExceeded: no room";
    EXPECT_THAT(row_of(outcome, kGoals, {}),
                HasSubstr("\n    a good pair got: a.b.LimitsExceeded: no room\n"));
}

TEST(RowOf, SaysHowABusEnded) {
    auto outcome = outcome_of("dbus-daemon");
    outcome.killed = true;
    EXPECT_THAT(row_of(outcome, kGoals, {}), HasSubstr("ended by us"));
    outcome.killed = false;
    outcome.died = true;
    EXPECT_THAT(row_of(outcome, kGoals, {}), HasSubstr("the bus died"));
    outcome.failure = "no such thing";
    EXPECT_THAT(row_of(outcome, kGoals, {}), HasSubstr("failed: no such thing"));
}

TEST(AllHold, AsksForOneBusAndTheGoalsGiven) {
    auto bad = outcome_of("buzond");
    bad.harm.refused = 1;
    auto worse = outcome_of("dbus-daemon");
    worse.lost.calls = 1;
    EXPECT_TRUE(all_hold({worse}, "buzond", kGoals, {}));
    EXPECT_FALSE(all_hold({worse, bad}, "buzond", kGoals, {}));
    EXPECT_TRUE(all_hold({worse, bad}, "buzond", {Goal::Memory, Goal::Silent}, {}));
}

TEST(SummaryOf, CountsTheAttacksThatABusBears) {
    auto bad = outcome_of("buzond");
    bad.harm.refused = 1;
    EXPECT_EQ(summary_of({outcome_of("buzond"), bad}, kGoals, {}),
              "buzond meets all goals under 1 of 2 attacks\n");
}

TEST(RowOf, SaysWhatTheBaselineDoesNotLetMeasure) {
    auto outcome = outcome_of("buzond");
    outcome.baseline.p99_us = Histogram::kNever;
    EXPECT_THAT(row_of(outcome, kGoals, {}), HasSubstr("  latency not measured\n"));
    outcome.harm.refused = 1;
    EXPECT_THAT(row_of(outcome, kGoals, {}),
                HasSubstr("  misses innocents; latency not measured\n"));
}

TEST(SummaryOf, CountsWhatWasNotMeasuredByItself) {
    auto unknown = outcome_of("buzond");
    unknown.baseline.p99_us = Histogram::kNever;
    auto bad = outcome_of("buzond");
    bad.harm.refused = 1;
    const std::vector outcomes{outcome_of("buzond"), unknown, bad};
    EXPECT_EQ(summary_of(outcomes, kGoals, {}),
              "buzond meets all goals under 1 of 3 attacks, latency not measured under 1\n");
    EXPECT_EQ(summary_of(outcomes, {Goal::Memory}, {}),
              "buzond meets all goals under 3 of 3 attacks\n");
    EXPECT_TRUE(all_hold({unknown}, "buzond", kGoals, {}));
}

TEST(JsonOf, HoldsNullWhereSomethingNeverHappened) {
    auto outcome = outcome_of("buzond");
    outcome.attacked.p99_us = Histogram::kNever;
    outcome.recovery_seconds.reset();
    const auto json = nlohmann::json::parse(json_of({outcome}, kGoals, {})).at(0);
    EXPECT_TRUE(json.at("attacked").at("p99_us").is_null());
    EXPECT_TRUE(json.at("recovery_seconds").is_null());
    EXPECT_EQ(json.at("baseline").at("p99_us"), 1000);
    EXPECT_EQ(json.at("missed_goals"), (std::vector<std::string>{"latency", "recovery"}));
    EXPECT_TRUE(json.at("goals_not_measured").empty());
}

}  // namespace
}  // namespace buzon::flood
