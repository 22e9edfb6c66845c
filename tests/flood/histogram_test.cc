// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/histogram.h"

#include <gtest/gtest.h>

namespace buzon::flood {
namespace {

TEST(Histogram, HasNoLatencyWithoutValues) {
    const Histogram histogram;
    EXPECT_EQ(histogram.count(), 0U);
    EXPECT_EQ(histogram.at_share(0.99), 0U);
}

TEST(Histogram, IsRightWithinAStepAtEverySize) {
    for (std::uint64_t value = 1; value < 100'000'000; value += value / 3 + 1) {
        Histogram histogram;
        histogram.record(value);
        EXPECT_GE(histogram.at_share(0.5), value);
        EXPECT_LE(histogram.at_share(0.5), value + value / 16);
    }
}

TEST(Histogram, FindsTheValueThatAShareReaches) {
    Histogram histogram;
    for (std::uint64_t value = 1; value <= 100; ++value)
        histogram.record(value);
    EXPECT_EQ(histogram.count(), 100U);
    EXPECT_EQ(histogram.at_share(0.01), 1U);
    EXPECT_NEAR(static_cast<double>(histogram.at_share(0.5)), 50, 3);
    EXPECT_NEAR(static_cast<double>(histogram.at_share(0.99)), 99, 6);
}

TEST(Histogram, PutsWhatNeverEndedAboveAllElse) {
    Histogram histogram;
    for (int i = 0; i < 98; ++i)
        histogram.record(10);
    histogram.record(Histogram::kNever);
    histogram.record(Histogram::kNever);
    EXPECT_EQ(histogram.at_share(0.98), 10U);
    EXPECT_EQ(histogram.at_share(0.99), Histogram::kNever);
}

}  // namespace
}  // namespace buzon::flood
