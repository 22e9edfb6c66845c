// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace buzon::bench {
namespace {

using testing::HasSubstr;

Sample sample(double operations, double cpu_seconds) {
    return {.operations = operations, .seconds = 1, .cpu_seconds = cpu_seconds};
}

WorkloadResult two_buses() {
    return {.workload = "ping-pong",
            .about = "one call in flight",
            .buses = {{.bus = "dbus-daemon",
                       .rounds = {sample(100, 0.5), sample(10, 0.5), sample(100, 0.5)},
                       .failure = {}},
                      {.bus = "buzond",
                       .rounds = {sample(300, 0.3), sample(40, 0.3), sample(200, 0.3)},
                       .failure = {}}}};
}

TEST(RatiosOf, ComparesWithinEachRound) {
    const auto result = two_buses();
    const auto ratios = ratios_of(result, result.buses[1]);
    ASSERT_TRUE(ratios.has_value());
    EXPECT_DOUBLE_EQ(ratios->rate.median, 3);
    EXPECT_DOUBLE_EQ(ratios->rate.lowest, 2);
    EXPECT_DOUBLE_EQ(ratios->rate.highest, 4);
    EXPECT_DOUBLE_EQ(ratios->cpu.median, 0.2);
}

TEST(RatiosOf, NeedsDbusDaemonAndARound) {
    auto result = two_buses();
    result.buses[0].rounds.clear();
    EXPECT_FALSE(ratios_of(result, result.buses[1]).has_value());
    result.buses.erase(result.buses.begin());
    EXPECT_FALSE(ratios_of(result, result.buses[0]).has_value());
}

TEST(TableOf, SaysWhyABusHasNoNumbers) {
    auto result = two_buses();
    result.buses[1].rounds.clear();
    result.buses[1].failure = "the bus closed the connection";
    EXPECT_THAT(table_of(result), HasSubstr("failed: the bus closed the connection"));
    EXPECT_TRUE(any_failed({result}));
    EXPECT_FALSE(any_failed({two_buses()}));
}

TEST(TableOf, ComparesInstructionsWithDbusDaemon) {
    const auto text = table_of(std::vector<InstructionCount>{
        {.workload = "ping-pong", .bus = "dbus-daemon", .per_operation = 80000},
        {.workload = "ping-pong", .bus = "buzond", .per_operation = 4000}});
    EXPECT_THAT(text, HasSubstr("0.050 of dbus-daemon"));
}

}  // namespace
}  // namespace buzon::bench
