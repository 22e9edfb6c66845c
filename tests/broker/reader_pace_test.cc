// SPDX-License-Identifier: Apache-2.0
#include "broker/reader_pace.h"

#include <gtest/gtest.h>

namespace buzon::broker {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""h;

constexpr auto kStart = bus::TimePoint{1h};
constexpr std::int64_t kRate = 4096;

class Pace : public testing::Test {
protected:
    Pace() { pace_.start(1000, kStart); }
    ReaderPace pace_{kRate};
};

TEST_F(Pace, OneWhoReadsNothingIsBehindSinceTheBeginning) {
    pace_.note(1000, kStart + 10s);
    EXPECT_EQ(pace_.behind_since(), kStart);
}

TEST_F(Pace, WhatIsReadBuysTime) {
    pace_.note(1000 + 3 * kRate, kStart + 10s);
    EXPECT_EQ(pace_.behind_since(), kStart + 3s);
    pace_.note(1000 + 5 * kRate, kStart + 11s);
    EXPECT_EQ(pace_.behind_since(), kStart + 5s);
}

TEST_F(Pace, NobodyReadsAhead) {
    pace_.note(1000 + 100 * kRate, kStart + 10s);
    EXPECT_EQ(pace_.behind_since(), kStart + 10s);
    pace_.note(1000 + 100 * kRate, kStart + 20s);
    EXPECT_EQ(pace_.behind_since(), kStart + 10s);
}

TEST_F(Pace, LessThanBeforeIsNoNews) {
    pace_.note(500, kStart + 1s);
    pace_.note(1000, kStart + 2s);
    EXPECT_EQ(pace_.behind_since(), kStart) << "only what is beyond the mark counts";
    pace_.note(1000 + kRate, kStart + 3s);
    EXPECT_EQ(pace_.behind_since(), kStart + 1s);
}

TEST_F(Pace, AnyAmountIsCounted) {
    pace_.note(std::int64_t{1} << 62, kStart + 10s);
    EXPECT_EQ(pace_.behind_since(), kStart + 10s);
}

}  // namespace
}  // namespace buzon::broker
