// SPDX-License-Identifier: Apache-2.0
// Each rule of these policies stands on a line of its own; expectations name the lines.
#include "policy/explain.h"

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "policy/name_list.h"
#include "tests/policy/fake_files.h"
#include "tests/policy/fake_users.h"

namespace buzon::policy {
namespace {

constexpr gid_t kGroups[] = {29, 44, 1000};
constexpr PeerIdentity kAlice{.uid = 1000, .gids = kGroups};
constexpr PeerIdentity kStranger{.uid = 4711};

bus::Ref<const PolicySet> set_of(const std::string& policies) {
    FakeUsers users;
    std::vector<Warning> warnings;
    return PolicySet::create(config_of(policies), users, warnings);
}

/// `allowed 4 decides, 3 LaterRule by 4`: the verdict, then the lines of the rules.
std::string summary(const Explanation& explanation) {
    constexpr std::string_view kFates[] = {"decides", "later-rule", "later-block",
                                           "stronger-context", "void"};
    std::string text = explanation.verdict.allowed ? "allowed" : "denied";
    for (const auto& one : explanation.rules) {
        text += fmt::format(" {}:{}", one.rule->location.line,
                            kFates[static_cast<std::size_t>(one.fate)]);
        if (one.beaten_by) text += fmt::format(":{}", one.beaten_by->location.line);
    }
    return text;
}

struct OwnCase {
    std::string_view about, policies, expected;
};

constexpr OwnCase kOwnCases[] = {
    {"nothing matches", "<policy context='default'>\n<allow own='a.c'/></policy>", "denied"},
    {"one rule decides", "<policy context='default'>\n<allow own='a.b'/></policy>",
     "allowed 2:decides"},
    {"a later rule of the block wins",
     "<policy context='default'>\n<deny own='a.b'/>\n<allow own_prefix='a'/></policy>",
     "allowed 3:decides 2:later-rule:3"},
    {"a stronger context wins, wherever it stands",
     "<policy user='alice'>\n<allow own='a.b'/></policy>"
     "<policy context='default'>\n<deny own='a.b'/></policy>",
     "allowed 2:decides 3:stronger-context:2"},
    {"a later block of the same context wins",
     "<policy group='audio'>\n<allow own='a.b'/></policy>"
     "<policy group='video'>\n<deny own='a.b'/></policy>",
     "denied 3:decides 2:later-block:3"},
    {"a block about somebody else does not count",
     "<policy user='root'>\n<deny own='a.b'/></policy>"
     "<policy context='default'>\n<allow own='a.b'/></policy>",
     "allowed 3:decides"},
    {"what a broad rule that applies makes void is beaten by it",
     "<policy context='default'>\n<allow own='a.b'/>\n<deny own='*'/></policy>",
     "denied 3:decides 2:later-rule:3"},
};

TEST(ExplainOwn, NamesTheRuleAndThoseThatItBeat) {
    for (const auto& [about, policies, expected] : kOwnCases) {
        const auto set = set_of(std::string(policies));
        EXPECT_EQ(summary(explain_own(*set->snapshot_for(kAlice), "a.b")), expected) << about;
    }
}

constexpr MessageFacts kCall{.type = bus::MessageType::MethodCall,
                             .path = "/",
                             .interface = "a.I",
                             .member = "M",
                             .error_name = "",
                             .destination = "a.b",
                             .sender = ":1.0"};

TEST(ExplainSend, TellsThatABroadRuleMadeOthersVoid) {
    const auto set = set_of(
        "<policy context='default'>\n<allow send_destination='a.b'/>\n"
        "<allow send_broadcast='true'/></policy>");
    const auto explanation =
        explain_send(*set->snapshot_for(kStranger), {.message = kCall, .receiver = nullptr});
    EXPECT_EQ(summary(explanation), "denied 2:void:3");
    EXPECT_EQ(explanation.considered, 2U);
}

TEST(ExplainSend, RuleBehindTheVoidingOneStillDecides) {
    const auto set = set_of(
        "<policy context='default'>\n<deny send_destination='a.b'/>\n"
        "<allow send_broadcast='true'/>\n<allow send_interface='a.I'/></policy>");
    const auto explanation =
        explain_send(*set->snapshot_for(kStranger), {.message = kCall, .receiver = nullptr});
    EXPECT_EQ(summary(explanation), "allowed 4:decides 2:later-rule:4");
}

TEST(ExplainSend, ListsNoMoreRulesThanWanted) {
    std::string rules;
    for (int i = 0; i < 1000; ++i)
        rules += "\n<deny send_destination='a.b'/>";
    const auto set = set_of("<policy context='default'>" + rules + "</policy>");
    const auto explanation = explain_send(*set->snapshot_for(kStranger), {.message = kCall}, 10);
    EXPECT_EQ(explanation.rules.size(), 10U);
    EXPECT_EQ(explanation.matching, 1000U);
    EXPECT_EQ(explanation.verdict.matched_rules, 1000U);
}

TEST(ExplainReceive, LooksAtTheNamesOfTheSender) {
    const auto set = set_of(
        "<policy context='default'>\n<allow receive_sender='a.b'/>\n"
        "<deny receive_sender='a.c'/></policy>");
    const NameList sender({":1.0", "a.b"});
    const auto explanation =
        explain_receive(*set->snapshot_for(kStranger), {.message = kCall, .sender = &sender});
    EXPECT_EQ(summary(explanation), "allowed 2:decides");
}

TEST(ExplainConnect, DefaultsToTheBusOwner) {
    const auto set = set_of("<policy context='default'>\n<allow user='alice'/></policy>");
    EXPECT_EQ(summary(explain_connect(*set, kStranger, 0)), "denied");
    EXPECT_EQ(summary(explain_connect(*set, {.uid = 0}, 0)), "allowed");
    EXPECT_EQ(summary(explain_connect(*set, kAlice, 0)), "allowed 2:decides");
}

TEST(ExplainConnect, OrdersDefaultBeforeMandatory) {
    const auto set = set_of(
        "<policy context='mandatory'>\n<deny group='audio'/></policy>"
        "<policy context='default'>\n<allow user='*'/>\n<allow user='alice'/></policy>");
    EXPECT_EQ(summary(explain_connect(*set, kAlice, 0)),
              "denied 2:decides 4:stronger-context:2 3:stronger-context:2");
}

TEST(PolicyBlockText, IsTheOpeningTag) {
    for (const auto* tag : {"<policy context=\"default\">", "<policy context=\"mandatory\">",
                            "<policy user=\"alice\">", "<policy group=\"audio\">",
                            "<policy at_console=\"true\">", "<policy at_console=\"false\">"}) {
        EXPECT_EQ(to_text(set_of(std::string(tag) + "</policy>")->blocks()[0]), tag);
    }
}

/// Random policies over a small vocabulary, so that rules meet.
class Dice {
public:
    explicit Dice(unsigned seed) : random_(seed) {}
    unsigned roll(unsigned sides) { return static_cast<unsigned>(random_() % sides); }
    std::string_view pick(std::initializer_list<std::string_view> from) {
        return from.begin()[roll(static_cast<unsigned>(from.size()))];
    }
    std::string name() { return std::string(pick({"a.b", "a.b.c", "a.c", "a", "*", ":1.0"})); }

private:
    std::mt19937 random_;
};

std::string random_conditions(Dice& dice, std::string_view side) {
    std::string text;
    const auto add = [&](std::string_view name, std::string_view value) {
        text += fmt::format(" {}_{}='{}'", side, name, value);
    };
    if (dice.roll(3) == 0) add("type", dice.pick({"method_call", "method_return", "error", "*"}));
    if (dice.roll(3) == 0) add("path", dice.pick({"/", "/a", "*"}));
    const bool error = dice.roll(6) == 0;
    if (error) add("error", dice.pick({"a.E", "a.F"}));
    if (!error && dice.roll(3) == 0) {
        add("interface", dice.pick({"a.I", "a.J", "*"}));
        if (dice.roll(3) == 0) add("member", dice.pick({"M", "N"}));
    }
    if (dice.roll(3) == 0) add("requested_reply", dice.pick({"true", "false"}));
    if (dice.roll(4) == 0) text += " eavesdrop='true'";
    if (dice.roll(5) == 0) text += fmt::format(" max_fds='{}'", dice.roll(3));
    if (dice.roll(5) == 0) text += fmt::format(" min_fds='{}'", dice.roll(3));
    return text;
}

std::string random_rule(Dice& dice) {
    std::string text(dice.pick({"<allow", "<deny"}));
    switch (dice.roll(4)) {
        case 0: text += fmt::format(" own='{}'", dice.name()); break;
        case 1: {
            const bool any = dice.roll(3) == 0;
            text += fmt::format(" receive_sender='{}'", any ? "*" : dice.name());
            text += random_conditions(dice, "receive");
            break;
        }
        default: {
            text += random_conditions(dice, "send");
            const auto destination = dice.roll(3);
            if (destination == 0) text += fmt::format(" send_destination='{}'", dice.name());
            if (destination == 1) text += fmt::format(" send_destination_prefix='{}'", dice.name());
            if (destination != 0) text += dice.roll(3) == 0 ? " send_broadcast='true'" : "";
            text += dice.roll(3) == 0 ? " log='true'" : "";
            if (text.find("send_") == std::string::npos) text += " send_type='*'";
        }
    }
    return text + "/>";
}

std::string random_policies(Dice& dice) {
    std::string text;
    for (unsigned blocks = 1 + dice.roll(4); blocks > 0; --blocks) {
        text += fmt::format("<policy {}>",
                            dice.pick({"context='default'", "context='mandatory'", "user='alice'",
                                       "group='audio'", "at_console='false'", "group='video'"}));
        for (unsigned rules = dice.roll(8); rules > 0; --rules)
            text += "\n" + random_rule(dice);
        text += "</policy>";
    }
    return text;
}

MessageFacts random_message(Dice& dice) {
    return {.type = static_cast<bus::MessageType>(1 + dice.roll(4)),
            .path = dice.pick({"/", "/a", ""}),
            .interface = dice.pick({"a.I", "a.J", ""}),
            .member = dice.pick({"M", "N", ""}),
            .error_name = dice.pick({"a.E", ""}),
            .destination = dice.pick({"a.b", "a.b.c", ""}),
            .sender = ":1.0",
            .is_reply = dice.roll(2) == 0,
            .fd_count = dice.roll(4)};
}

void expect_same(const Explanation& explained, const Verdict& decided, const std::string& text) {
    EXPECT_EQ(explained.verdict.allowed, decided.allowed) << text;
    EXPECT_EQ(explained.verdict.log, decided.log) << text;
    EXPECT_EQ(explained.verdict.rule, decided.rule) << text;
    EXPECT_EQ(explained.verdict.matched_rules, decided.matched_rules) << text;
    if (!decided.rule) return;
    ASSERT_FALSE(explained.rules.empty()) << text;
    EXPECT_EQ(explained.rules.front().rule, decided.rule) << text;
}

TEST(Explanation, SaysWhatTheSnapshotDecides) {
    constexpr unsigned kPolicies = 1500;
    for (unsigned seed = 0; seed < kPolicies; ++seed) {
        Dice dice(seed);
        const std::string text = random_policies(dice);
        const auto set = set_of(text);
        const auto snapshot = set->snapshot_for(dice.roll(3) == 0 ? kStranger : kAlice);
        for (int i = 0; i < 20; ++i) {
            const auto message = random_message(dice);
            const NameList party({":1.0", std::string(dice.pick({"a.b", "a.c", "x.y"}))});
            const NameHolder* holder = dice.roll(3) == 0 ? nullptr : &party;
            const bool requested = dice.roll(2) == 0;
            const SendQuery send{message, holder, requested};
            expect_same(explain_send(*snapshot, send), snapshot->may_send(send), text);
            const ReceiveQuery receive{message, holder, requested, dice.roll(2) == 0};
            expect_same(explain_receive(*snapshot, receive), snapshot->may_receive(receive), text);
            const std::string_view own = dice.pick({"a.b", "a.b.c", "a", "x.y"});
            expect_same(explain_own(*snapshot, own), snapshot->may_own(own), text);
            if (HasFailure()) return;
        }
    }
}

}  // namespace
}  // namespace buzon::policy
