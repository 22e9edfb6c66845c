// SPDX-License-Identifier: Apache-2.0
#include "broker/message_deadline.h"

#include <gtest/gtest.h>

namespace buzon::broker {
namespace {

using namespace std::chrono_literals;

constexpr auto kTimeout = 60'000ms;
constexpr std::size_t kMebibyte = std::size_t{1} << 20;
const bus::TimePoint kStart{1h};

TEST(MessageDeadline, IsTheTimeoutBehindTheLastPart) {
    MessageDeadline deadline;
    deadline.on_part(0, kStart);
    EXPECT_EQ(deadline.due(kMebibyte, kTimeout), kStart + 60s);
    deadline.on_part(0, kStart + 50s);
    EXPECT_EQ(deadline.due(kMebibyte, kTimeout), kStart + 110s);
    EXPECT_FALSE(deadline.is_too_slow(kMebibyte, kTimeout, kStart + 110s));
}

TEST(MessageDeadline, OfTheWholeGrowsWithItsLength) {
    MessageDeadline deadline;
    for (auto at = 0s; at < 124s; at += 31s)
        deadline.on_part(0, kStart + at);
    EXPECT_EQ(deadline.due(kMebibyte, kTimeout), kStart + 124s);
    EXPECT_FALSE(deadline.is_too_slow(kMebibyte, kTimeout, kStart + 123s));
    EXPECT_TRUE(deadline.is_too_slow(kMebibyte, kTimeout, kStart + 124s));
    EXPECT_FALSE(deadline.is_too_slow(2 * kMebibyte, kTimeout, kStart + 124s));
}

TEST(MessageDeadline, BeginsAnewWithEachMessage) {
    MessageDeadline deadline;
    deadline.on_part(0, kStart);
    deadline.on_part(1, kStart + 50s);
    EXPECT_EQ(deadline.due(0, kTimeout), kStart + 110s);
}

TEST(MessageDeadline, DoesNotCountTimeInWhichItsSenderIsNotRead) {
    MessageDeadline deadline;
    deadline.on_part(0, kStart);
    deadline.pause(kStart + 10s);
    deadline.resume(kStart + 1000s);
    EXPECT_EQ(deadline.due(0, kTimeout), kStart + 1050s);
    deadline.on_part(0, kStart + 1040s);
    EXPECT_EQ(deadline.due(0, kTimeout), kStart + 1050s);
    EXPECT_TRUE(deadline.is_too_slow(0, kTimeout, kStart + 1050s));
}

}  // namespace
}  // namespace buzon::broker
