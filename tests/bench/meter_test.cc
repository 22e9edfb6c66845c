// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/meter.h"

#include <gtest/gtest.h>
#include <time.h>

namespace buzon::bench {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;

TEST(SpreadOf, GivesTheMiddleAndTheEnds) {
    const auto odd = spread_of({3, 1, 2});
    EXPECT_EQ(odd.median, 2);
    EXPECT_EQ(odd.lowest, 1);
    EXPECT_EQ(odd.highest, 3);
    EXPECT_EQ(spread_of({4, 1, 2, 3}).median, 2.5);
    EXPECT_EQ(spread_of({7}).median, 7);
}

TEST(Meter, StopsAtTheNumberOfOperationsAskedFor) {
    Meter meter(Plan{.operations = 10}, CLOCK_PROCESS_CPUTIME_ID);
    EXPECT_TRUE(meter.go_on(9));
    EXPECT_FALSE(meter.go_on(10));
    EXPECT_EQ(meter.finish().operations, 10);
}

TEST(Meter, LeavesOutWhatWasDoneBeforeTheWarmUpEnded) {
    Meter meter(Plan{.warm_up = {}, .duration = {}, .operations = 0}, CLOCK_PROCESS_CPUTIME_ID);
    EXPECT_TRUE(meter.go_on(100));  // ends the warm-up, and begins to count
    EXPECT_FALSE(meter.go_on(130));
    EXPECT_EQ(meter.finish().operations, 30);
}

TEST(Meter, GoesOnUntilItsTimeIsUp) {
    Meter meter(Plan{.warm_up = {}, .duration = hours(1)}, CLOCK_PROCESS_CPUTIME_ID);
    EXPECT_TRUE(meter.go_on(1));
    EXPECT_TRUE(meter.go_on(1'000'000'000));
}

TEST(Meter, RecordsLatenciesOnlyWhileItMeasures) {
    Meter meter(Plan{.warm_up = {}, .duration = {}}, CLOCK_PROCESS_CPUTIME_ID);
    meter.record_latency(hours(1));
    EXPECT_TRUE(meter.go_on(1));
    for (int i = 1; i <= 101; ++i)
        meter.record_latency(microseconds(i));
    EXPECT_FALSE(meter.go_on(2));
    EXPECT_FLOAT_EQ(static_cast<float>(meter.finish().median_latency_us), 51);
    EXPECT_FLOAT_EQ(static_cast<float>(meter.finish().slow_latency_us), 100);
}

}  // namespace
}  // namespace buzon::bench
