// SPDX-License-Identifier: Apache-2.0
// The compiled form against the rules tried one by one: the same verdict, the same deciding rule
// and the same count, for policies and messages by chance. BUZON_TEST_SEED repeats a run, and
// BUZON_TEST_POLICIES says how many policies each test makes.
#include <array>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "policy/policy_compilation.h"
#include "policy/policy_set.h"
#include "tests/policy/fake_files.h"
#include "tests/policy/fake_users.h"
#include "tests/policy/linear_policy.h"
#include "tests/policy/random_policy.h"

namespace buzon::policy {
namespace {

constexpr std::uint32_t kQuestions = 40;

std::optional<std::uint32_t> number_from_environment(const char* name) {
    const char* given = std::getenv(name);
    if (!given) return std::nullopt;
    return static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10));
}

std::string text_of(const PolicySet& set) {
    std::string text;
    for (const PolicyBlock& block : set.blocks()) {
        text += fmt::format("context {} {}\n", static_cast<int>(block.context), block.subject);
        for (const Rule& rule : block.rules)
            text += to_text(rule) + "\n";
    }
    return text;
}

std::string text_of(const Verdict& verdict) {
    return fmt::format("{}{} by {} after {}", verdict.allowed ? "allowed" : "denied",
                       verdict.log ? ", logged," : "",
                       verdict.rule ? fmt::format("line {} {}", verdict.rule->location.line,
                                                  to_text(*verdict.rule))
                                    : "none",
                       verdict.matched_rules);
}

testing::AssertionResult same(const Verdict& compiled,
                              const Verdict& linear,
                              const PolicySnapshot& snapshot) {
    if (compiled.rule == linear.rule && text_of(compiled) == text_of(linear))
        return testing::AssertionSuccess();
    return testing::AssertionFailure()
           << "compiled: " << text_of(compiled) << "\nlinear:   " << text_of(linear) << "\n"
           << text_of(snapshot.set());
}

bus::Ref<const PolicySet> compile_in_steps(ResolvedPolicy policy, std::size_t work) {
    PolicyCompilation compilation(std::move(policy));
    while (!compilation.is_complete())
        compilation.advance(work);
    return compilation.take();
}

class Comparison : public testing::Test {
protected:
    void SetUp() override { fmt::print("BUZON_TEST_SEED={}\n", seed_); }

    bus::Ref<const PolicySnapshot> next_snapshot() {
        const auto set = compile_in_steps(random_.policy(), 1 + random_.below(20));
        groups_ = random_.groups();
        peer_.gids = groups_;
        peer_.uid.reset();
        if (!random_.chance(8)) peer_.uid = 1000 + random_.below(6);
        peer_.at_console = random_.chance(2);
        return set->snapshot_for(peer_);
    }

    const std::uint32_t seed_ =
        number_from_environment("BUZON_TEST_SEED").value_or(std::random_device()());
    const std::uint32_t policies_ = number_from_environment("BUZON_TEST_POLICIES").value_or(400);
    RandomPolicy random_{seed_};
    std::vector<gid_t> groups_;
    PeerIdentity peer_;
};

TEST_F(Comparison, OfOwnership) {
    for (std::uint32_t i = 0; i < policies_; ++i) {
        const auto snapshot = next_snapshot();
        for (std::uint32_t j = 0; j < kQuestions / 4; ++j) {
            const auto name = random_.name();
            ASSERT_TRUE(same(snapshot->may_own(name), decide_linearly<OwnRule>(*snapshot, name),
                             *snapshot));
        }
    }
}

TEST_F(Comparison, OfSending) {
    for (std::uint32_t i = 0; i < policies_; ++i) {
        const auto snapshot = next_snapshot();
        for (std::uint32_t j = 0; j < kQuestions; ++j) {
            const MessageFacts message = random_.message();
            const RandomParty receiver = random_.party();
            const SendQuery query{.message = message,
                                  .receiver = random_.chance(4) ? nullptr : &receiver,
                                  .requested_reply = random_.chance(2)};
            ASSERT_TRUE(same(snapshot->may_send(query), decide_linearly<SendRule>(*snapshot, query),
                             *snapshot));
        }
    }
}

TEST_F(Comparison, OfReceiving) {
    for (std::uint32_t i = 0; i < policies_; ++i) {
        const auto snapshot = next_snapshot();
        for (std::uint32_t j = 0; j < kQuestions; ++j) {
            const MessageFacts message = random_.message();
            const RandomParty sender = random_.party();
            const ReceiveQuery query{.message = message,
                                     .sender = random_.chance(4) ? nullptr : &sender,
                                     .requested_reply = random_.chance(2),
                                     .eavesdropping = random_.chance(3)};
            ASSERT_TRUE(same(snapshot->may_receive(query),
                             decide_linearly<ReceiveRule>(*snapshot, query), *snapshot));
        }
    }
}

TEST_F(Comparison, OfConnecting) {
    for (std::uint32_t i = 0; i < policies_; ++i) {
        const auto snapshot = next_snapshot();
        ASSERT_TRUE(same(snapshot->set().may_connect(peer_, 1000),
                         may_connect_linearly(snapshot->set(), peer_, 1000), *snapshot));
    }
}

TEST_F(Comparison, OfTheQuickAnswer) {
    for (std::uint32_t i = 0; i < policies_; ++i) {
        const auto snapshot = next_snapshot();
        const MessageFacts message = random_.message();
        if (snapshot->allows_every_send()) {
            const auto verdict = decide_linearly<SendRule>(*snapshot, SendQuery{message});
            EXPECT_TRUE(verdict.allowed && !verdict.log) << text_of(snapshot->set());
        }
        if (snapshot->allows_every_receive()) {
            EXPECT_TRUE(decide_linearly<ReceiveRule>(*snapshot, ReceiveQuery{message}).allowed)
                << text_of(snapshot->set());
        }
        if (snapshot->allows_every_own()) {
            EXPECT_TRUE(decide_linearly<OwnRule>(*snapshot, random_.name()).allowed)
                << text_of(snapshot->set());
        }
    }
}

/// A call of a.I.M at /o with one descriptor, from root to one who has a.b, a.b.c and is :1.7.
struct Constellation {
    std::string_view about;
    /// Lines count from the first rule on.
    std::string_view rules;
    std::string_view verdict;
    bool has_interface = true;
    bool has_path = true;
};
constexpr Constellation kConstellations[] = {
    {"one prefix above two names counts once",
     "<policy context='default'><allow send_type='method_call'/>\n"
     "<deny send_destination_prefix='a.b'/></policy>",
     "denied by line 2 <deny send_destination_prefix=\"a.b\"/> after 2"},
    {"a rule for each name counts for each",
     "<policy context='default'><deny send_destination='a.b'/><deny send_destination='a.b.c'/>\n"
     "<deny send_destination=':1.7'/><deny send_destination='a.b.d'/></policy>",
     "denied by line 2 <deny send_destination=\":1.7\"/> after 3"},
    {"the broad rule of a stronger context wipes the weaker ones",
     "<policy context='default'><deny send_destination='a.b'/><deny send_path='/o'/></policy>\n"
     "<policy user='root'><deny send_broadcast='false'/></policy>",
     "denied by line 2 <deny send_broadcast=\"false\"/> after 1"},
    {"a broad rule that does not apply wipes all the same",
     "<policy context='default'><allow send_destination='a.b'/></policy>\n"
     "<policy context='mandatory'><allow send_broadcast='true'/></policy>",
     "denied by none after 0"},
    {"what is wiped in the same block does not count",
     "<policy context='default'><deny send_path='/o'/><deny send_interface='a.I'/>\n"
     "<allow send_destination='*'/><deny send_interface='a.I' send_member='M'/></policy>",
     "denied by line 2 <deny send_interface=\"a.I\" send_member=\"M\"/> after 2"},
    {"without interface, an allow for one is passed over and a deny for one is not",
     "<policy context='default'><deny send_interface='x.Y'/>\n"
     "<allow send_interface='a.I'/></policy>",
     "denied by line 1 <deny send_interface=\"x.Y\"/> after 1", false},
    {"without path and interface, the last of many different texts decides",
     "<policy context='default'><deny send_path='/x' send_member='M'/>\n"
     "<deny send_path='/y' send_interface='y.Y' send_member='M'/>\n"
     "<deny send_path='/z' send_member='N'/></policy>",
     "denied by line 2 "
     "<deny send_path=\"/y\" send_interface=\"y.Y\" send_member=\"M\"/> after 2",
     false, false},
    {"numbers of descriptors overlap",
     "<policy context='default'><deny send_path='/o' max_fds='1'/>\n"
     "<deny send_path='/o' min_fds='1'/>\n<allow send_path='/o' min_fds='2'/></policy>",
     "denied by line 2 <deny send_path=\"/o\" min_fds=\"1\"/> after 2"},
    {"an allow that is logged counts too",
     "<policy context='default'><deny send_path='/o'/>\n"
     "<allow send_member='M' send_path='*' log='true'/></policy>",
     "allowed, logged, by line 2 <allow send_path=\"*\" send_member=\"M\" log=\"true\"/> after 2"},
    {"many groups, whose order is that of their numbers",
     "<policy group='5'><allow send_path='/o'/></policy>\n"
     "<policy group='4'><deny send_path='/o'/></policy>\n"
     "<policy group='6'><deny send_path='/o' send_member='N'/></policy>\n"
     "<policy group='3'><deny send_path='/o'/></policy>\n"
     "<policy group='2'><deny send_path='/o'/></policy>",
     "allowed by line 1 <allow send_path=\"/o\"/> after 0"},
};

TEST(Compiled, DecidesSpecialConstellations) {
    constexpr std::array<gid_t, 6> kGroups = {6, 2, 3, 5, 4, 4};
    const RandomParty receiver({"a.b", "a.b.c", ":1.7"}, RandomParty::Knowledge::All);
    for (const auto& row : kConstellations) {
        FakeUsers users;
        std::vector<Warning> warnings;
        const auto config = config_of(std::string(row.rules));
        const auto snapshot =
            PolicySet::create(config, users, warnings)->snapshot_for({.uid = 0, .gids = kGroups});
        const MessageFacts message{.type = bus::MessageType::MethodCall,
                                   .path = row.has_path ? "/o" : "",
                                   .interface = row.has_interface ? "a.I" : "",
                                   .member = "M",
                                   .error_name = {},
                                   .destination = "a.b",
                                   .sender = ":1.1",
                                   .fd_count = 1};
        const SendQuery query{.message = message, .receiver = &receiver};
        EXPECT_EQ(text_of(snapshot->may_send(query)), row.verdict) << row.about;
        EXPECT_EQ(text_of(decide_linearly<SendRule>(*snapshot, query)), row.verdict) << row.about;
    }
}

/// A party of many names that counts how often it is asked.
class CountingParty final : public NameHolder {
public:
    explicit CountingParty(std::size_t names) : names_(names) {}
    [[nodiscard]] bool holds(std::string_view) const override { return ++questions_ == 0; }
    [[nodiscard]] bool holds_below(std::string_view) const override { return ++questions_ == 0; }
    [[nodiscard]] std::size_t count() const override { return names_; }
    void for_each(NameVisitor& visitor) const override {
        for (std::size_t i = 0; i < names_; ++i)
            visitor.visit(fmt::format("some.name{}", ++questions_));
    }
    [[nodiscard]] std::size_t questions() const { return questions_; }

private:
    std::size_t names_;
    mutable std::size_t questions_ = 0;
};

Rule deny_destination(std::string name) {
    SendRule send;
    send.message.requested_reply = false;
    send.destination = std::move(name);
    return {Effect::Deny, {}, send};
}

bus::Ref<const PolicySnapshot> snapshot_of(std::vector<Rule> rules) {
    ResolvedPolicy policy;
    policy.blocks.push_back({PolicyContext::Default, "", {}, std::move(rules)});
    return PolicySet::create(std::move(policy))->snapshot_for({});
}

bus::Ref<const PolicySnapshot> denials_of(std::size_t destinations) {
    std::vector<Rule> rules;
    for (std::size_t i = 0; i < destinations; ++i)
        rules.push_back(deny_destination(fmt::format("some.name{}", i)));
    return snapshot_of(std::move(rules));
}

TEST(Compiled, AsksForTheFewerOfNamesHeldAndNamesInRules) {
    constexpr struct {
        std::size_t names_held, names_in_rules, asked_at_most;
    } kCases[] = {{1, 1000, 1}, {1000, 3, 3}, {5000, 5000, 5000}, {3, 0, 0}};
    for (const auto& [held, in_rules, at_most] : kCases) {
        const CountingParty party(held);
        MessageFacts message;
        message.type = bus::MessageType::MethodCall;
        (void)denials_of(in_rules)->may_send({.message = message, .receiver = &party});
        EXPECT_LE(party.questions(), at_most) << held << " held, " << in_rules << " in rules";
    }
}

/// Rules that differ in one thing only, which is the worst for an index that looks at another.
TEST(Compiled, KeepsManyRulesOfOneKindApart) {
    constexpr std::uint32_t kRules = 2000;
    const auto field_of = [](SendRule& rule, std::uint32_t which) -> std::optional<std::string>& {
        switch (which) {
            case 0: return rule.message.path;
            case 1: return rule.message.interface;
            case 2: return rule.message.member;
            case 3: return rule.message.error_name;
            default: return rule.destination;
        }
    };
    for (std::uint32_t which = 0; which < 5; ++which) {
        std::vector<Rule> rules;
        for (std::uint32_t i = 0; i < kRules; ++i) {
            SendRule send;
            field_of(send, which) = fmt::format("text{}", i);
            rules.push_back({i % 3 == 0 ? Effect::Allow : Effect::Deny, {{}, i + 1, 0}, send});
        }
        const auto snapshot = snapshot_of(std::move(rules));
        for (const std::uint32_t i : {0U, 1U, kRules / 2, kRules - 1, kRules}) {
            const std::string text = fmt::format("text{}", i);
            MessageFacts message{bus::MessageType::Signal, text, text, text, text, text, text};
            const SendQuery query{message};
            ASSERT_TRUE(same(snapshot->may_send(query), decide_linearly<SendRule>(*snapshot, query),
                             *snapshot));
        }
    }
}

TEST(Compiled, CountsDescriptorsInNestedIntervals) {
    std::vector<Rule> rules;
    for (std::uint32_t i = 0; i < 300; ++i) {
        SendRule send;
        send.message.path = "/";
        send.message.min_fds = i;
        send.message.max_fds = i % 7 == 0 ? kAnyFdCount : 600 - i;
        rules.push_back({i % 2 == 0 ? Effect::Allow : Effect::Deny, {{}, i + 1, 0}, send});
    }
    const auto snapshot = snapshot_of(std::move(rules));
    for (std::uint32_t fds = 0; fds < 610; ++fds) {
        MessageFacts message;
        message.type = bus::MessageType::MethodCall;
        message.path = "/";
        message.fd_count = fds;
        const SendQuery query{message};
        ASSERT_TRUE(
            same(snapshot->may_send(query), decide_linearly<SendRule>(*snapshot, query), *snapshot))
            << fds;
    }
}

}  // namespace
}  // namespace buzon::policy
