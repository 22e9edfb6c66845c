// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_set.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/policy_compilation.h"
#include "tests/policy/fake_files.h"
#include "tests/policy/fake_users.h"

namespace buzon::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr gid_t kAudio = 29;
constexpr gid_t kVideo = 44;
constexpr PeerIdentity kAlice{.uid = 1000};
constexpr PeerIdentity kRoot{.uid = 0};
constexpr PeerIdentity kStranger{.uid = 4711};
constexpr PeerIdentity kAnonymous{};

bus::Ref<const PolicySet> set_of(std::string_view policies) {
    FakeUsers users;
    std::vector<Warning> warnings;
    return PolicySet::create(config_of(std::string(policies)), users, warnings);
}

bool may_own(const PolicySet& set, const PeerIdentity& peer) {
    return set.snapshot_for(peer)->may_own("a.b").allowed;
}

/// The contexts from the weakest to the strongest; alice is in all but the console's.
constexpr std::string_view kContexts[] = {
    "context='default'", "group='audio'",      "group='video'",
    "user='alice'",      "at_console='false'", "context='mandatory'",
};

std::string policy(std::string_view context, std::string_view rule) {
    return "<policy " + std::string(context) + ">" + std::string(rule) + "</policy>";
}

TEST(PolicySet, AStrongerContextWinsWhereverItStands) {
    // Descending on purpose: the order of the peer's list must not matter.
    const gid_t gids[] = {kVideo, 1000, kAudio, kVideo};
    const PeerIdentity alice{.uid = 1000, .gids = gids};
    for (std::size_t weak = 0; weak < std::size(kContexts); ++weak) {
        for (std::size_t strong = weak + 1; strong < std::size(kContexts); ++strong) {
            const auto allowed = set_of(policy(kContexts[strong], "<allow own='*'/>") +
                                        policy(kContexts[weak], "<deny own='*'/>"));
            EXPECT_TRUE(may_own(*allowed, alice)) << kContexts[weak] << " " << kContexts[strong];
            const auto denied = set_of(policy(kContexts[strong], "<deny own='*'/>") +
                                       policy(kContexts[weak], "<allow own='*'/>"));
            EXPECT_FALSE(may_own(*denied, alice)) << kContexts[weak] << " " << kContexts[strong];
        }
    }
}

TEST(PolicySet, WithinOneContextTheLaterFileOrderWins) {
    const auto set = set_of(policy("user='alice'", "<deny own='*'/>") +
                            policy("user='root'", "<deny own='*'/>") +
                            policy("user='1000'", "<allow own='*'/>"));
    EXPECT_TRUE(may_own(*set, kAlice));
    EXPECT_FALSE(may_own(*set, kRoot));
}

TEST(PolicySet, ABlockHoldsForItsSubjectOnly) {
    const gid_t audio[] = {kAudio};
    const PeerIdentity in_audio{.uid = 4711, .gids = audio};
    const auto by_user = set_of(policy("user='alice'", "<allow own='*'/>"));
    EXPECT_TRUE(may_own(*by_user, kAlice));
    EXPECT_FALSE(may_own(*by_user, kStranger));
    EXPECT_FALSE(may_own(*by_user, kAnonymous));
    const auto by_group = set_of(policy("group='audio'", "<allow own='*'/>"));
    EXPECT_TRUE(may_own(*by_group, in_audio));
    EXPECT_FALSE(may_own(*by_group, kAlice));
}

TEST(PolicySet, NobodyIsAtTheConsoleUnlessSaidSo) {
    const auto at = set_of(policy("at_console='true'", "<allow own='*'/>"));
    EXPECT_FALSE(may_own(*at, kAlice));
    EXPECT_TRUE(may_own(*at, {.uid = 1000, .gids = {}, .at_console = true}));
    const auto not_at = set_of(policy("at_console='false'", "<allow own='*'/>"));
    EXPECT_TRUE(may_own(*not_at, kAlice));
    EXPECT_FALSE(may_own(*not_at, {.uid = 1000, .gids = {}, .at_console = true}));
    EXPECT_FALSE(may_own(*not_at, kAnonymous)) << "who is nobody is nowhere";
}

TEST(PolicySet, AnUnknownSubjectTakesItsBlockAway) {
    FakeUsers users;
    std::vector<Warning> warnings;
    const auto config = config_of(
        "\n<policy user='nonesuch'><allow own='*'/></policy>"
        "\n<policy group='nonesuch'><allow own='*'/></policy>"
        "\n<policy user='*'><allow own='*'/></policy>"
        "\n<policy context='default'><allow user='nonesuch'/></policy>");
    const auto set = PolicySet::create(config, users, warnings);
    for (const auto& peer : {kAlice, kRoot, kStranger, kAnonymous}) {
        EXPECT_FALSE(may_own(*set, peer));
        EXPECT_FALSE(set->may_connect(peer, 42));
    }
    std::vector<std::string> texts;
    for (const auto& [location, text] : warnings) {
        texts.push_back(set->files().describe(location) + " " + text);
    }
    EXPECT_THAT(
        texts,
        ElementsAre("/main.conf:2 unknown user \"nonesuch\": what is said about it is left out",
                    "/main.conf:3 unknown group \"nonesuch\": what is said about it is left out",
                    "/main.conf:4 unknown user \"*\": what is said about it is left out",
                    "/main.conf:5 unknown user \"nonesuch\": what is said about it is left out"));
}

TEST(PolicySet, ItsRulesOutliveTheConfig) {
    const auto snapshot =
        set_of(policy("context='default'", "<deny own='a.b'/>"))->snapshot_for(kAlice);
    const auto verdict = snapshot->may_own("a.b");
    ASSERT_NE(verdict.rule, nullptr);
    EXPECT_EQ(to_text(*verdict.rule), "<deny own=\"a.b\"/>");
    EXPECT_EQ(snapshot->set().files().describe(verdict.rule->location), "/main.conf:1");
}

ResolvedPolicy many_rules(std::size_t blocks, std::size_t rules_each) {
    ResolvedPolicy policy;
    policy.files.add("/main.conf");
    for (std::size_t i = 0; i < blocks; ++i) {
        const auto uid = static_cast<std::uint32_t>(i);
        policy.users.emplace(std::to_string(uid), uid);
        policy.blocks.push_back({PolicyContext::User, std::to_string(uid), {}, {}});
        for (std::size_t j = 0; j < rules_each; ++j)
            policy.blocks.back().rules.push_back(
                {Effect::Allow, {}, OwnRule{.name = "a.b" + std::to_string(j)}});
    }
    return policy;
}

TEST(PolicyCompilation, DoesNoMoreThanItIsAllowedTo) {
    PolicyCompilation compilation(many_rules(100, 10));
    int steps = 0;
    for (; !compilation.is_complete(); ++steps)
        compilation.advance(10);
    EXPECT_GE(steps, 100 * 10 / 10) << "a rule is a unit of work";
    EXPECT_LE(steps, 100 * (10 + 3) / 10 + 2) << "and not many are needed besides";
    const auto set = compilation.take();
    EXPECT_TRUE(set->has_one_reference());
    EXPECT_TRUE(set->snapshot_for({.uid = 99})->may_own("a.b9"));
    EXPECT_FALSE(set->snapshot_for({.uid = 99})->may_own("a.b10"));
}

TEST(PolicyRemains, AreTakenOnlyFromASetThatNobodyUses) {
    auto set = PolicySet::create(many_rules(1, 1));
    auto snapshot = set->snapshot_for({.uid = 0});
    EXPECT_EQ(PolicyRemains::of(set), nullptr);
    EXPECT_TRUE(snapshot->may_own("a.b0"));
    snapshot = nullptr;
    EXPECT_NE(PolicyRemains::of(set), nullptr);
    EXPECT_FALSE(set);
}

TEST(PolicyRemains, GoInSteps) {
    auto set = PolicySet::create(many_rules(100, 10));
    const auto remains = PolicyRemains::of(set);
    ASSERT_NE(remains, nullptr);
    int steps = 1;
    while (!remains->shrink(10))
        ++steps;
    EXPECT_GE(steps, 100 * 10 / 10);
    EXPECT_LE(steps, 100 * (10 + 2) / 10 + 1);
}

TEST(SnapshotFor, SharesAmongPeersOfTheSameBlocks) {
    const gid_t audio[] = {kAudio, 100};
    const auto set = set_of(policy("context='default'", "<allow own='*'/>") +
                            policy("user='alice'", "<deny own='*'/>") +
                            policy("group='audio'", "<deny own='*'/>"));
    const auto stranger = set->snapshot_for(kStranger);
    EXPECT_EQ(stranger, set->snapshot_for(kRoot));
    EXPECT_EQ(stranger, set->snapshot_for(kAnonymous));
    EXPECT_FALSE(stranger == set->snapshot_for(kAlice));
    EXPECT_FALSE(stranger == set->snapshot_for({.uid = 4711, .gids = audio}));
}

TEST(SnapshotFor, RemembersOnlyTheLiving) {
    const auto set = set_of(policy("user='alice'", "<allow own='*'/>"));
    {
        const auto first = set->snapshot_for(kAlice);
        const auto second = set->snapshot_for(kRoot);
        EXPECT_EQ(set->living_snapshots(), 2u);
    }
    EXPECT_EQ(set->living_snapshots(), 0u);
    EXPECT_TRUE(may_own(*set, kAlice)) << "and makes them again";
}

struct ConnectCase {
    std::string_view about, policies;
    bool root, alice, stranger, in_audio;
};
constexpr ConnectCase kConnectCases[] = {
    {"nothing said: the owner only", "", true, false, false, false},
    {"everybody", "<policy context='default'><allow user='*'/></policy>", true, true, true, true},
    {"any group", "<policy context='default'><allow group='*'/></policy>", true, true, true, true},
    {"one user", "<policy context='default'><allow user='alice'/></policy>", true, true, false,
     false},
    {"one group", "<policy context='default'><allow group='audio'/></policy>", true, false, false,
     true},
    {"the last one wins",
     "<policy context='default'><allow user='*'/><deny user='alice'/></policy>", true, false, true,
     true},
    {"the owner can be denied", "<policy context='default'><deny user='*'/></policy>", false, false,
     false, false},
    {"mandatory beats a later default",
     "<policy context='mandatory'><allow user='alice'/></policy>"
     "<policy context='default'><deny user='*'/></policy>",
     false, true, false, false},
    {"the console has no say", "<policy at_console='false'><allow user='*'/></policy>", true, false,
     false, false},
};

TEST(MayConnect, DecidesAsDbusDaemonDoes) {
    const gid_t audio[] = {100, kAudio};
    for (const auto& row : kConnectCases) {
        const auto set = set_of(row.policies);
        EXPECT_EQ(set->may_connect(kRoot, 0).allowed, row.root) << row.about;
        EXPECT_EQ(set->may_connect(kAlice, 0).allowed, row.alice) << row.about;
        EXPECT_EQ(set->may_connect(kStranger, 0).allowed, row.stranger) << row.about;
        EXPECT_EQ(set->may_connect({.uid = 4711, .gids = audio}, 0).allowed, row.in_audio)
            << row.about;
    }
}

TEST(MayConnect, NamesTheRule) {
    const auto set = set_of(
        policy("context='default'", "<deny user='*'/><deny user='alice'/><allow user='0'/>"));
    const auto verdict = set->may_connect(kAlice, 0);
    EXPECT_EQ(to_text(*verdict.rule), "<deny user=\"alice\"/>");
    EXPECT_EQ(verdict.matched_rules, 2u);
    EXPECT_EQ(set_of("")->may_connect(kAlice, 0).rule, nullptr);
}

const MessageFacts kCall{.type = bus::MessageType::MethodCall,
                         .path = "/",
                         .interface = "a.I",
                         .member = "M",
                         .error_name = {},
                         .destination = "a.b",
                         .sender = ":1.1"};

/// The verdict on kCall under `rules`; the snapshot keeps the verdict's rule alive.
struct Judged : Verdict {
    explicit Judged(std::string_view rules)
        : snapshot(set_of(policy("context='default'", rules))->snapshot_for(kAlice)) {
        static_cast<Verdict&>(*this) = snapshot->may_send({.message = kCall});
    }
    bus::Ref<const PolicySnapshot> snapshot;
};

TEST(Verdict, CountsTheRulesThatMatchedADenial) {
    const Judged verdict(
        "<allow send_path='/'/><allow send_path='/x'/>"
        "<deny send_path='/'/><deny send_interface='a.I'/>"
        "<deny send_interface='x.y'/>");
    EXPECT_FALSE(verdict.allowed);
    EXPECT_EQ(verdict.matched_rules, 3u);
    EXPECT_EQ(to_text(*verdict.rule), "<deny send_interface=\"a.I\"/>");
}

TEST(Verdict, OfNoRuleIsADenialWithoutMatches) {
    const Judged verdict("<allow send_path='/x'/>");
    EXPECT_FALSE(verdict.allowed);
    EXPECT_EQ(verdict.matched_rules, 0u);
    EXPECT_EQ(verdict.rule, nullptr);
}

TEST(Verdict, OfARuleWithLogIsToBeLogged) {
    const Judged verdict("<deny send_path='/'/><allow send_path='/' log='true'/>");
    EXPECT_TRUE(verdict.allowed);
    EXPECT_TRUE(verdict.log);
    EXPECT_EQ(verdict.matched_rules, 2u);
    EXPECT_FALSE(Judged("<deny send_path='/' log='true'/>").log);
}

/// What a snapshot knows without looking: own, send, receive.
std::string quick(std::string_view rules) {
    const auto snapshot = set_of(policy("context='default'", rules))->snapshot_for(kAlice);
    return std::string(snapshot->allows_every_own() ? "o" : "-") +
           (snapshot->allows_every_send() ? "s" : "-") +
           (snapshot->allows_every_receive() ? "r" : "-");
}

constexpr struct {
    std::string_view about, rules, expected;
} kQuick[] = {
    {"nothing said", "", "---"},
    {"the stock session bus",
     "<allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/><allow own='*'/>",
     "osr"},
    {"replies only where requested", "<allow send_destination='*'/><allow receive_sender='*'/>",
     "---"},
    {"replies in any case", "<allow send_requested_reply='false'/>", "-s-"},
    {"not when eavesdropping", "<allow receive_requested_reply='false'/>", "---"},
    {"a later deny", "<allow own='*'/><deny own='a.b'/>", "---"},
    {"an earlier deny", "<deny own='a.b'/><allow own='*'/>", "o--"},
    {"a later allow", "<allow own='*'/><allow own='a.b'/>", "o--"},
    {"a later allow that is logged",
     "<allow send_destination='*' eavesdrop='true'/><allow send_path='/' log='true'/>", "---"},
    {"all of it is logged", "<allow send_destination='*' eavesdrop='true' log='true'/>", "---"},
    {"a number of descriptors", "<allow eavesdrop='true' max_fds='3'/>", "---"},
    {"broadcasts", "<allow send_broadcast='false' eavesdrop='true'/>", "---"},
    {"a type", "<allow send_type='signal' eavesdrop='true'/>", "---"},
};

TEST(Snapshot, KnowsWhetherItAllowsEverything) {
    for (const auto& [about, rules, expected] : kQuick)
        EXPECT_EQ(quick(rules), expected) << about;
}

}  // namespace
}  // namespace buzon::policy
