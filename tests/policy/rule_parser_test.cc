// SPDX-License-Identifier: Apache-2.0
// Which rules are accepted: the verdict on each row is that of dbus-daemon 1.14.10.
#include "policy/rule_parser.h"

#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/policy/fake_files.h"

namespace buzon::policy {
namespace {

std::optional<std::string> error_of(std::string_view element) {
    try {
        const auto root = read_xml(element, "rule.conf");
        (void)parse_rule({FileId{}, "rule.conf"}, root);
        return {};
    } catch (const ConfigError& error) {
        return error.text();
    }
}

constexpr std::string_view kAccepted[] = {
    R"(<allow eavesdrop="true"/>)",
    R"(<allow eavesdrop="false" max_fds="1"/>)",
    R"(<allow own="a.b" log="true"/>)",
    R"(<allow user="root" log="maybe"/>)",
    R"(<allow send_type="signal" log="maybe"/>)",
    R"(<allow receive_type="signal" log="true"/>)",
    R"(<allow own=""/>)",
    R"(<allow own_prefix="*"/>)",
    R"(<allow send_member="M" send_interface="*"/>)",
    R"(<allow send_member="M" send_path="*"/>)",
    R"(<allow send_error="a.b" send_path="/"/>)",
    R"(<allow send_error="a.b" send_type="signal"/>)",
    R"(<allow send_broadcast="true" send_destination="*"/>)",
    R"(<allow send_broadcast="false" send_destination="a.b"/>)",
    R"(<allow send_broadcast="true" send_destination_prefix="a.b"/>)",
    R"(<allow send_type="*"/>)",
    R"(<allow send_type="signal" max_fds="33554432"/>)",
    R"(<allow send_type="signal" max_fds=" 0x10 "/>)",
    R"(<allow send_type="signal" min_fds="5" max_fds="3"/>)",
    R"(<allow send_interface="not an interface"/>)",
    R"(<allow send_path="not a path"/>)",
    R"(<deny send_destination=""/>)",
    R"(<deny send_requested_reply="false"/>)",
};

TEST(ParseRule, AcceptsWhatDbusDaemonAccepts) {
    for (const auto text : kAccepted) {
        EXPECT_EQ(error_of(text), std::nullopt) << text;
    }
}

constexpr struct {
    std::string_view text, part_of_error;
} kRefused[] = {
    {R"(<allow/>)", "needs at least one attribute"},
    {R"(<allow log="true"/>)", "needs at least one attribute"},
    {R"(<allow max_fds="1"/>)", "needs at least one attribute"},
    {R"(<allow min_fds="1"/>)", "needs at least one attribute"},
    {R"(<allow species="stoat"/>)",
     "unknown attribute \"species\" on <allow>; expected send_*, receive_*, eavesdrop, min_fds, "
     "max_fds, own, own_prefix, user, group, log"},
    {R"(<allow send_interfce="a.b"/>)", "did you mean send_interface?"},
    {R"(<allow receive_to="a.b"/>)",
     "expected receive_interface, receive_member, receive_error, receive_sender, receive_path, "
     "receive_type, receive_requested_reply"},
    {R"(<allow max_fds="1" own="a.b"/>)", "each stand alone"},
    {R"(<allow own="a.b" eavesdrop="true"/>)", "each stand alone"},
    {R"(<allow own="a.b" own_prefix="a.b"/>)", "each stand alone"},
    {R"(<allow user="root" group="root"/>)", "each stand alone"},
    {R"(<allow user="*" own="a.b"/>)", "each stand alone"},
    {R"(<allow own="a.b" send_type="signal"/>)", "each stand alone"},
    {R"(<allow group="root" receive_type="signal"/>)", "each stand alone"},
    {R"(<allow send_type="signal" receive_type="signal"/>)", "can't stand in one rule"},
    {R"(<allow send_broadcast="true" receive_type="signal"/>)", "can't stand in one rule"},
    {R"(<allow send_member="M"/>)", "send_member needs send_interface or send_path"},
    {R"(<allow send_member="*"/>)", "send_member needs send_interface or send_path"},
    {R"(<allow receive_member="M"/>)", "receive_member needs receive_interface or receive_path"},
    {R"(<allow send_error="a.b" send_interface="a.b"/>)", "send_error can't stand with"},
    {R"(<allow send_error="*" send_interface="*"/>)", "send_error can't stand with"},
    {R"(<allow send_error="a.b" send_path="/" send_member="M"/>)", "send_error can't stand with"},
    {R"(<allow receive_error="a.b" receive_interface="a.b"/>)", "receive_error can't stand with"},
    {R"(<allow send_destination="*" send_destination_prefix="a.b"/>)", "can't stand in one rule"},
    {R"(<allow send_broadcast="true" send_destination="a.b"/>)", "matches nothing"},
    {R"(<allow send_broadcast="*"/>)", "send_broadcast=\"*\": expected true or false"},
    {R"(<allow send_requested_reply="yes"/>)", "expected true or false"},
    {R"(<allow receive_requested_reply="1"/>)", "expected true or false"},
    {R"(<allow eavesdrop="maybe"/>)", "eavesdrop=\"maybe\": expected true or false"},
    {R"(<allow send_type="bees"/>)", "expected method_call, method_return, error, signal or *"},
    {R"(<allow send_type=""/>)", "expected method_call"},
    {R"(<allow receive_type="METHOD_CALL"/>)", "expected method_call"},
    {R"(<allow send_type="signal" max_fds="-1"/>)", "expected a number from 0 to 33554432"},
    {R"(<allow send_type="signal" max_fds="33554433"/>)", "expected a number from 0 to 33554432"},
    {R"(<allow receive_type="signal" min_fds="x"/>)", "expected a number from 0 to 33554432"},
    {R"(<allow send_type="signal" max_fds=""/>)", "expected a number from 0 to 33554432"},
    {R"(<allow send_type="signal">text</allow>)", "must not have text inside"},
    {R"(<allow send_type="signal"><deny own="x"/></allow>)", "<deny> is not allowed inside"},
};

TEST(ParseRule, RefusesWhatDbusDaemonRefuses) {
    for (const auto& [text, part] : kRefused) {
        const auto error = error_of(text);
        ASSERT_TRUE(error) << text;
        EXPECT_NE(error->find(part), std::string::npos) << text << "\nsays: " << *error;
    }
}

Rule parsed(std::string_view text) {
    const auto root = read_xml(text, "rule.conf");
    return parse_rule({FileId{}, "rule.conf"}, root);
}

TEST(ParseRule, RequestedReplyIsTrueToAllowAndFalseToDeny) {
    EXPECT_TRUE(
        std::get<SendRule>(parsed(R"(<allow send_path="/"/>)").match).message.requested_reply);
    EXPECT_FALSE(
        std::get<SendRule>(parsed(R"(<deny send_path="/"/>)").match).message.requested_reply);
    EXPECT_TRUE(std::get<ReceiveRule>(parsed(R"(<allow eavesdrop="true"/>)").match)
                    .message.requested_reply);
    EXPECT_FALSE(
        std::get<ReceiveRule>(parsed(R"(<deny eavesdrop="true"/>)").match).message.requested_reply);
}

TEST(ParseRule, EavesdropAloneIsAboutReceiving) {
    const auto rule = parsed(R"(<deny eavesdrop="true"/>)");
    ASSERT_TRUE(std::holds_alternative<ReceiveRule>(rule.match));
    EXPECT_TRUE(std::get<ReceiveRule>(rule.match).message.eavesdrop);
    EXPECT_EQ(rule.effect, Effect::Deny);
}

TEST(ParseRule, LogCountsOnlyAsTrue) {
    EXPECT_TRUE(std::get<SendRule>(parsed(R"(<allow send_path="/" log="true"/>)").match).log);
    EXPECT_FALSE(std::get<SendRule>(parsed(R"(<allow send_path="/" log="yes"/>)").match).log);
}

constexpr struct {
    std::string_view from, to;
} kTexts[] = {
    {R"(<allow own="*"/>)", R"(<allow own="*"/>)"},
    {R"(<deny own_prefix='a.b' />)", R"(<deny own_prefix="a.b"/>)"},
    {R"(<deny user="root"/>)", R"(<deny user="root"/>)"},
    {R"(<allow group="*"/>)", R"(<allow group="*"/>)"},
    {R"(<allow send_interface="*"/>)", R"(<allow send_destination="*"/>)"},
    {R"(<allow eavesdrop="true"/>)", R"(<allow eavesdrop="true"/>)"},
    {R"(<allow eavesdrop="false"/>)", R"(<allow receive_sender="*"/>)"},
    {R"(<allow send_member="M" send_interface="*" min_fds="1"/>)",
     R"(<allow send_path="*" send_member="M" min_fds="1"/>)"},
    {R"(<deny send_destination="a&quot;&lt;&amp;" send_type="error" send_requested_reply="true"/>)",
     R"(<deny send_destination="a&quot;&lt;&amp;" send_type="error" send_requested_reply="true"/>)"},
    {R"(<allow send_destination_prefix="a" send_broadcast="true" log="true" max_fds="3"/>)",
     R"(<allow send_destination_prefix="a" max_fds="3" send_broadcast="true" log="true"/>)"},
    {R"(<deny own="&#9;a&#10;b&#13;"/>)", R"(<deny own="&#9;a&#10;b&#13;"/>)"},
    {R"(<deny receive_sender="a" receive_error="b"/>)",
     R"(<deny receive_sender="a" receive_error="b"/>)"},
};

TEST(RuleText, IsTheRuleAgain) {
    for (const auto& [from, to] : kTexts) {
        const auto text = to_text(parsed(from));
        EXPECT_EQ(text, to);
        EXPECT_EQ(to_text(parsed(text)), to) << "read again";
    }
}

}  // namespace
}  // namespace buzon::policy
