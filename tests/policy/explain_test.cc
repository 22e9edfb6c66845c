// SPDX-License-Identifier: Apache-2.0
// Each rule of these policies stands on a line of its own; expectations name the lines.
#include "policy/explain.h"

#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "policy/name_list.h"
#include "tests/policy/fake_files.h"
#include "tests/policy/fake_users.h"
#include "tests/policy/random_policies.h"

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
