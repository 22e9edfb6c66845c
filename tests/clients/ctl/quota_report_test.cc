// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/quota_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace buzon::clients {
namespace {

using std::chrono_literals::operator""ms;
using testing::HasSubstr;
using testing::Not;

QuotaAccount account(std::uint64_t id,
                     std::uint64_t parent,
                     std::string level,
                     std::string name,
                     std::uint64_t bytes) {
    return {.id = id,
            .parent = parent,
            .level = std::move(level),
            .state = "open",
            .name = std::move(name),
            .amounts = {{.resource = "bytes", .held = bytes}}};
}

QuotaReport flooded() {
    QuotaReport report;
    report.accounts = {account(0, 0, "bus", "", 4096),
                       account(1, 0, "user", "uid 1000", 4096),
                       account(2, 1, "principal", "process 7", 0),
                       account(3, 1, "principal", "process 8", 4096),
                       account(4, 2, "connection", ":1.1", 0),
                       account(5, 3, "connection", ":1.2", 4096)};
    report.throttled = {{.account = 5, .sender = ":1.2", .since = 12'000ms, .receivers = {":1.1"}}};
    report.throttled_in_all = 1;
    report.queues = {{.account = 4, .receiver = ":1.1", .bytes = 4096, .bound = 5000}};
    report.queues_in_all = 3;
    report.counters = {{"Throttled", 1}};
    return report;
}

TEST(BytesText, HasThreeDigitsAndAUnit) {
    constexpr struct {
        std::uint64_t bytes;
        std::string_view text;
    } kCases[] = {
        {0, "0"},           {1023, "1023"},       {1024, "1.0K"},      {10'137, "9.9K"},
        {10'240, "10K"},    {1'047'552, "1023K"}, {1'048'064, "1.0M"}, {1'048'576, "1.0M"},
        {UINT64_MAX, "16E"}};
    for (const auto& [bytes, text] : kCases)
        EXPECT_EQ(bytes_text(bytes), text) << bytes;
}

TEST(SpanText, GrowsCoarserWithTime) {
    EXPECT_EQ(span_text(0ms), "0ms");
    EXPECT_EQ(span_text(999ms), "999ms");
    EXPECT_EQ(span_text(59'999ms), "59s");
    EXPECT_EQ(span_text(185'000ms), "3min 5s");
}

TEST(QuotaReportText, IsATreeInWhichTheLargestComeFirst) {
    const auto text = to_text(flooded(), {});
    const auto small = text.find("\n    process 7");
    const auto large = text.find("\n    process 8");
    ASSERT_NE(small, std::string::npos);
    ASSERT_NE(large, std::string::npos);
    EXPECT_LT(large, small);
    EXPECT_THAT(text, HasSubstr("\n      :1.2 "));
}

TEST(QuotaReportText, MarksWhoIsThrottledWithForWhomAndSinceWhen) {
    EXPECT_THAT(to_text(flooded(), {}), HasSubstr("throttled for 12s: :1.1\n"));
    auto report = flooded();
    report.throttled[0].waits_for_bus = true;
    EXPECT_THAT(to_text(report, {}), HasSubstr("throttled for 12s: :1.1, the bus\n"));
}

TEST(QuotaReportText, TellsHowManyQueuesAreNotShown) {
    EXPECT_THAT(to_text(flooded(), {}), HasSubstr("2 more have something in them."));
    auto report = flooded();
    report.queues_in_all = 1;
    EXPECT_THAT(to_text(report, {}), Not(HasSubstr("more have")));
}

TEST(QuotaReportText, WhatAPeerIsCalledControlsNoTerminal) {
    auto report = flooded();
    report.accounts[5].process = "\x1b[2J\n";
    const auto text = to_text(report, {});
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(QuotaReportJson, LeavesOutCapsThatAreNone) {
    auto report = flooded();
    report.accounts[5].amounts[0].cap = 9000;
    const auto json = to_json(report);
    EXPECT_EQ(json["accounts"][5]["caps"]["bytes"], 9000);
    EXPECT_TRUE(json["accounts"][4]["caps"].empty());
    EXPECT_EQ(json["throttled"][0]["since_ms"], 12'000);
}

}  // namespace
}  // namespace buzon::clients
