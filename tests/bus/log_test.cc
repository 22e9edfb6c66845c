// SPDX-License-Identifier: Apache-2.0
#include "bus/base/log.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace buzon::bus {
namespace {

struct Record {
    LogLevel level;
    std::string text;
    bool operator==(const Record&) const = default;
};

class LogTest : public testing::Test {
protected:
    void deny(std::optional<std::uint32_t> uid) {
        constexpr LogKind kKind{"policy denials"};
        if (!log_.admit(kKind, LogLevel::Security, {uid})) return;
        log_.write_admitted(LogLevel::Security,
                            uid ? fmt::format("denied uid {}", *uid) : "denied");
    }

    std::vector<Record> records_;
    std::chrono::steady_clock::time_point now_;
    Log log_{[this](LogLevel level, std::string_view text) {
                 records_.push_back({level, std::string(text)});
             },
             LogBudget{3, std::chrono::milliseconds(100)}, [this] { return now_; }};
};

TEST_F(LogTest, FormatsTextBehindThePrefix) {
    log_.info("ready in {} ms", 7);
    log_.set_prefix("[session uid=1 pid=2] ");
    log_.warning("{} left", "one");
    log_.error("gone");
    EXPECT_EQ(records_, (std::vector<Record>{
                            {LogLevel::Info, "ready in 7 ms"},
                            {LogLevel::Warning, "[session uid=1 pid=2] one left"},
                            {LogLevel::Error, "[session uid=1 pid=2] gone"},
                        }));
}

TEST_F(LogTest, KeepsARecordOnOneLine) {
    log_.info("one\ntwo\r\x1b[0m{}", '\0');
    EXPECT_EQ(records_.at(0).text, "one two  [0m ");
}

TEST_F(LogTest, SuppressesWhatIsOverTheBudgetAndCountsIt) {
    constexpr LogKind kKind{"broken clients"};
    for (int i = 0; i < 10; ++i)
        log_.warning(kKind, "client {}", i);
    EXPECT_EQ(records_.size(), 3U);

    now_ += std::chrono::milliseconds(100);
    log_.warning(kKind, "client 10");
    EXPECT_EQ(records_, (std::vector<Record>{
                            {LogLevel::Warning, "client 0"},
                            {LogLevel::Warning, "client 1"},
                            {LogLevel::Warning, "client 2"},
                            {LogLevel::Warning, "7 records suppressed: broken clients"},
                            {LogLevel::Warning, "client 10"},
                        }));
}

TEST_F(LogTest, RefillsOneRecordPerIntervalUpToTheBurst) {
    constexpr LogKind kKind{"broken clients"};
    const auto written = [&](int attempts) {
        const auto before = records_.size();
        for (int i = 0; i < attempts; ++i)
            log_.info(kKind, "client");
        log_.report_suppressed();
        return records_.size() - before;
    };
    EXPECT_EQ(written(3), 3U);
    now_ += std::chrono::milliseconds(250);
    EXPECT_EQ(written(2), 2U);
    now_ += std::chrono::milliseconds(50);  // the half interval left over is not lost
    EXPECT_EQ(written(1), 1U);
    now_ += std::chrono::hours(1);
    EXPECT_EQ(written(4), 4U) << "three records and the count of the fourth";
}

TEST_F(LogTest, GivesEachKindABudgetOfItsOwn) {
    constexpr LogKind kFull{"full queues"};
    for (int i = 0; i < 9; ++i)
        log_.error(kFull, "denied {}", i);
    log_.warning(LogKind{"broken clients"}, "client");
    ASSERT_EQ(records_.size(), 4U);
    EXPECT_EQ(records_[2], (Record{LogLevel::Error, "denied 2"}));
    EXPECT_EQ(records_[3].text, "client");
}

TEST_F(LogTest, GivesEachPartyABudgetOfItsOwn) {
    for (int i = 0; i < 9; ++i)
        deny(1000);
    deny(1001);
    deny(std::nullopt);
    ASSERT_EQ(records_.size(), 5U);
    EXPECT_EQ(records_[3], (Record{LogLevel::Security, "denied uid 1001"}));
    log_.report_suppressed();
    EXPECT_EQ(records_.back().text, "6 records suppressed: policy denials of uid 1000");
}

TEST_F(LogTest, NoProgramOfAUserDrownsWhatItsOthersDo) {
    constexpr LogKind kKind{"disconnected peers"};
    for (int i = 0; i < 10; ++i)
        log_.warning(kKind, LogParty{1000, 7}, "junk {}", i);
    log_.warning(kKind, LogParty{1000, 8}, "heard");
    EXPECT_EQ(records_.size(), 2U) << "a fifth of the budget, but one at least";
    EXPECT_EQ(records_.back().text, "heard");
    log_.report_suppressed();
    EXPECT_EQ(records_.back().text, "9 records suppressed: disconnected peers of uid 1000 pid 7");
}

TEST_F(LogTest, AnonymousPeersAreOneParty) {
    for (int i = 0; i < 4; ++i)
        deny(std::nullopt);
    log_.report_suppressed();
    EXPECT_EQ(records_.back().text, "1 records suppressed: policy denials of anonymous peers");
}

TEST_F(LogTest, PartiesBeyondTheBoundShareOneBudgetUntilOthersAreIdle) {
    for (std::uint32_t uid = 0; uid < 100; ++uid)
        deny(uid);
    EXPECT_EQ(records_.size(), 64U + 3U);
    records_.clear();
    log_.report_suppressed();
    EXPECT_EQ(records_, (std::vector<Record>{{LogLevel::Security,
                                              "33 records suppressed: policy denials of others"}}));
    now_ += std::chrono::hours(1);
    records_.clear();
    for (std::uint32_t uid = 64; uid < 100; ++uid)
        deny(uid);
    EXPECT_EQ(records_.size(), 36U);
}

TEST_F(LogTest, ReportsWhatWasSuppressedOnce) {
    for (int i = 0; i < 5; ++i)
        deny(7);
    records_.clear();
    log_.report_suppressed();
    log_.report_suppressed();
    EXPECT_EQ(records_, (std::vector<Record>{{LogLevel::Security,
                                              "2 records suppressed: policy denials of uid 7"}}));
}

TEST_F(LogTest, DoesNotLimitRecordsWithoutAKind) {
    for (int i = 0; i < 1000; ++i)
        log_.info("reloaded");
    EXPECT_EQ(records_.size(), 1000U);
}

TEST(Printable, EscapesWhatCouldForgeOrHideText) {
    constexpr struct {
        std::string_view about, text, expected;
    } kCases[] = {
        {"plain text", "/usr/bin/mail --user x", "/usr/bin/mail --user x"},
        {"letters beyond ASCII", "buz\xc3\xb3n \xf0\x9f\x93\xab", "buz\xc3\xb3n \xf0\x9f\x93\xab"},
        {"a second line", "a\nb", "a\\x0ab"},
        {"a terminal sequence", "\x1b[2J\x7f", "\\x1b[2J\\x7f"},
        {"a zero byte", std::string_view("a\0b", 3), "a\\x00b"},
        {"a quote and a backslash", "x\" label=\"y\\", "x\\\" label=\\\"y\\\\"},
        {"a C1 control",
         "\xc2\x9b"
         "1m",
         "\\u{9b}1m"},
        {"a reversed reading order",
         "\xe2\x80\xae"
         "gpj",
         "\\u{202e}gpj"},
        {"a lone continuation byte", "a\x80", "a\\x80"},
        {"an overlong form", "\xc0\xaf", "\\xc0\\xaf"},
        {"a surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80"},
        {"beyond the last code point", "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
        {"a sequence cut short", "\xe2\x82", "\\xe2\\x82"},
        {"nothing", "", ""},
    };
    for (const auto& [about, text, expected] : kCases)
        EXPECT_EQ(printable(text), expected) << about;
}

TEST(Printable, LimitsTheLengthWithoutCuttingACharacter) {
    EXPECT_EQ(printable("abcdef", 6), "abcdef");
    EXPECT_EQ(printable("abcdefg", 6), "abcdef...");
    EXPECT_EQ(printable("abc\xc3\xb3", 4), "abc...");
    EXPECT_EQ(printable("abc\nd", 6), "abc...");
}

TEST(OnOneLine, KeepsTheQuotesOfATextOfOurs) {
    EXPECT_EQ(on_one_line("a=\"b\\\": \x1b[31m\n\x9b\xc2\x9b"),
              "a=\"b\\\": \\x1b[31m\\x0a\\x9b\\u{9b}");
    EXPECT_EQ(on_one_line("abcdefg", 6), "abcdef...");
}

}  // namespace
}  // namespace buzon::bus
