// SPDX-License-Identifier: Apache-2.0
#include "policy/limits.h"

#include <optional>
#include <string_view>

#include <gtest/gtest.h>

namespace buzon::policy {
namespace {

constexpr struct {
    std::string_view about, name, text;
    std::optional<LimitError> error;
} kCases[] = {
    {"a count", "max_match_rules_per_connection", "100", std::nullopt},
    {"zero", "max_message_size", "0", std::nullopt},
    {"white space around", "max_message_size", " \n 300\t", std::nullopt},
    {"a plus sign", "max_message_size", "+300", std::nullopt},
    {"octal and hexadecimal", "max_message_size", "0x12c", std::nullopt},
    {"largest int", "auth_timeout", "2147483647", std::nullopt},
    {"over an int, for a time", "auth_timeout", "2147483648", LimitError::TooLarge},
    {"over an int, for a count", "max_names_per_connection", "3123123123", LimitError::TooLarge},
    {"over an int, for bytes", "max_incoming_bytes", "3123123123", std::nullopt},
    {"over an int, for descriptors", "max_incoming_unix_fds", "3123123123", std::nullopt},
    {"largest long", "max_incoming_bytes", "9223372036854775807", std::nullopt},
    {"over a long", "max_incoming_bytes", "9223372036854775808", LimitError::TooLarge},
    {"over everything", "max_incoming_bytes", "99999999999999999999", LimitError::TooLarge},
    {"negative", "max_names_per_connection", "-1", LimitError::Negative},
    {"never, which only the default is", "reply_timeout", "-1", LimitError::Negative},
    {"words", "max_names_per_connection", "bees", LimitError::NotANumber},
    {"nothing", "max_names_per_connection", " ", LimitError::NotANumber},
    {"a unit", "max_message_size", "5k", LimitError::NotANumber},
    {"a fraction", "max_message_size", "1.5", LimitError::NotANumber},
    {"an exponent", "max_message_size", "1e3", LimitError::NotANumber},
    {"two signs", "max_message_size", "+-5", LimitError::NotANumber},
    {"a prefix without digits", "max_message_size", "0x", LimitError::NotANumber},
    {"an unknown name", "max_bees", "5000", LimitError::UnknownName},
    {"a name in other letters", "Max_Message_Size", "5000", LimitError::UnknownName},
};

TEST(SetLimit, NamesTheFirstViolation) {
    for (const auto& [about, name, text, error] : kCases) {
        Limits limits;
        const auto set = set_limit(limits, name, text);
        EXPECT_EQ(set ? std::nullopt : std::optional{set.error()}, error) << about;
        if (error) {
            EXPECT_EQ(limits, Limits{}) << about;
        }
    }
}

TEST(SetLimit, TakesOursInOurFilesOnly) {
    Limits limits;
    EXPECT_FALSE(set_limit(limits, "stuck_timeout", "5000"));
    EXPECT_EQ(limits, Limits{});
    EXPECT_TRUE(set_limit(limits, "stuck_timeout", "5000", LimitScope::OursOnly));
    EXPECT_EQ(limits.stuck_timeout, std::chrono::milliseconds(5000));
    EXPECT_TRUE(set_limit(limits, "max_message_size", "5", LimitScope::OursOnly));
    EXPECT_EQ(limit_names(LimitScope::OursOnly).size(), limit_names().size() + 9);
}

TEST(SetLimit, TakesCsBases) {
    Limits limits;
    ASSERT_TRUE(set_limit(limits, "max_message_size", "0x10"));
    ASSERT_TRUE(set_limit(limits, "max_replies_per_connection", "010"));
    EXPECT_EQ(limits.max_message_size, 16u);
    EXPECT_EQ(limits.max_replies_per_connection, 8u);
}

TEST(SetLimit, ReachesTheFieldOfItsName) {
    constexpr std::string_view kNames[] = {
        "max_incoming_bytes",
        "max_incoming_unix_fds",
        "max_outgoing_bytes",
        "max_outgoing_unix_fds",
        "max_message_size",
        "max_message_unix_fds",
        "service_start_timeout",
        "auth_timeout",
        "pending_fd_timeout",
        "reply_timeout",
        "max_completed_connections",
        "max_incomplete_connections",
        "max_connections_per_user",
        "max_pending_service_starts",
        "max_names_per_connection",
        "max_match_rules_per_connection",
        "max_replies_per_connection",
        "max_containers",
        "max_containers_per_user",
        "max_container_metadata_bytes",
        "max_connections_per_container",
    };
    Limits limits;
    int value = 0;
    for (const auto name : kNames) {
        ASSERT_TRUE(set_limit(limits, name, std::to_string(++value))) << name;
    }
    using std::chrono::milliseconds;
    const Limits expected{
        .max_incoming_bytes = 1,
        .max_incoming_unix_fds = 2,
        .max_outgoing_bytes = 3,
        .max_outgoing_unix_fds = 4,
        .max_message_size = 5,
        .max_message_unix_fds = 6,
        .service_start_timeout = milliseconds(7),
        .auth_timeout = milliseconds(8),
        .pending_fd_timeout = milliseconds(9),
        .reply_timeout = milliseconds(10),
        .max_completed_connections = 11,
        .max_incomplete_connections = 12,
        .max_connections_per_user = 13,
        .max_pending_service_starts = 14,
        .max_names_per_connection = 15,
        .max_match_rules_per_connection = 16,
        .max_replies_per_connection = 17,
        .max_containers = 18,
        .max_containers_per_user = 19,
        .max_container_metadata_bytes = 20,
        .max_connections_per_container = 21,
    };
    EXPECT_EQ(limits, expected);
}

TEST(ChangedLimits, TellsEachThatDiffers) {
    Limits before;
    Limits after;
    EXPECT_TRUE(changed_limits(before, after).empty());
    after.max_containers = 1;
    after.reply_timeout = std::chrono::milliseconds(5);
    const auto changes = changed_limits(before, after);
    ASSERT_EQ(changes.size(), 2U);
    EXPECT_EQ(changes[0].name, "reply_timeout");
    EXPECT_EQ(changes[0].before, std::nullopt);
    EXPECT_EQ(changes[0].after, 5U);
    EXPECT_EQ(changes[1].name, "max_containers");
    EXPECT_EQ(changes[1].before, 512U);
    EXPECT_EQ(changes[1].after, 1U);
}

}  // namespace
}  // namespace buzon::policy
