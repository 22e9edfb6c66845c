// SPDX-License-Identifier: Apache-2.0
#include "broker/suppression_reports.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace buzon::broker {
namespace {

using namespace std::chrono_literals;

class SuppressionReportsTest : public testing::Test {
protected:
    void log(int times) {
        for (int i = 0; i < times; ++i)
            log_.warning(bus::LogKind{"policy denials"}, "denied");
    }
    void pass(std::chrono::seconds time) {
        now_ += time;
        loop_.turn(0ns);
    }

    bus::TimePoint now_{1h};
    bus::EventLoop loop_{[this] { return now_; }};
    std::vector<std::string> lines_;
    bus::Log log_{[this](bus::LogLevel, std::string_view text) { lines_.emplace_back(text); },
                  {.burst = 1, .refill = 1h},
                  [this] { return now_; }};
    std::optional<SuppressionReports> reports_{std::in_place, loop_, log_};
};

TEST_F(SuppressionReportsTest, ComeOnceIn10SecondsWhileSomethingIsSuppressed) {
    log(4);
    pass(9s);
    EXPECT_THAT(lines_, testing::ElementsAre("denied"));
    pass(1s);
    EXPECT_THAT(lines_, testing::ElementsAre("denied", "3 records suppressed: policy denials"));
    log(2);
    pass(10s);
    EXPECT_EQ(lines_.back(), "2 records suppressed: policy denials");
}

TEST_F(SuppressionReportsTest, DoNotComeFromAQuietBus) {
    log(1);
    pass(3600s);
    EXPECT_THAT(lines_, testing::ElementsAre("denied"));
}

TEST_F(SuppressionReportsTest, TheLastComesAtTheEnd) {
    log(3);
    reports_.reset();
    EXPECT_THAT(lines_, testing::ElementsAre("denied", "2 records suppressed: policy denials"));
    log(2);
    pass(3600s);
    EXPECT_EQ(lines_.size(), 2U);
}

}  // namespace
}  // namespace buzon::broker
