// SPDX-License-Identifier: Apache-2.0
// Each rule of these policies stands on a line of its own; expectations name the lines.
#include "policy/diff.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "policy/diff_rules.h"
#include "policy/name_list.h"
#include "tests/policy/fake_files.h"
#include "tests/policy/fake_users.h"
#include "tests/policy/random_policies.h"

namespace buzon::policy {
namespace {

/// A policy and all that a DiffSide refers to.
class Side {
public:
    explicit Side(const std::string& policies) {
        FakeUsers users;
        std::vector<Warning> warnings;
        resolved_ = resolve(config_of(policies), users, warnings);
        set_ = PolicySet::create(resolved_);
    }
    [[nodiscard]] DiffSide get() const { return {resolved_, *set_}; }

private:
    ResolvedPolicy resolved_;
    bus::Ref<const PolicySet> set_;
};

PolicyDiff diff_of(const Side& before, const Side& after) {
    FakeUsers users;
    return diff(before.get(), after.get(), users);
}

std::string verdict_text(const Verdict& verdict) {
    return fmt::format("{}{}{}", verdict.allowed ? "allowed" : "denied", verdict.log ? "+log" : "",
                       verdict.rule ? fmt::format("@{}", verdict.rule->location.line) : "");
}

/// Each change on its own, sorted: `send denied allowed@2`.
std::vector<std::string> summary(const PolicyDiff& diff) {
    constexpr std::string_view kKinds[] = {"connect", "own", "send", "receive"};
    std::vector<std::string> lines;
    for (const auto& change : diff.changes) {
        lines.push_back(fmt::format("{} {} {}", kKinds[static_cast<std::size_t>(change.kind)],
                                    verdict_text(change.before), verdict_text(change.after)));
    }
    std::sort(lines.begin(), lines.end());
    return lines;
}

using Lines = std::vector<std::string>;

struct Case {
    std::string_view about, before, after;
    Lines expected;
};

const Case kCases[] = {
    {"the same",
     "<policy context='default'>\n<allow own='a.b'/></policy>",
     "\n\n<policy context='default'>\n<allow own='a.b'/></policy>",
     {}},
    {"a rule more",
     "<policy context='default'></policy>",
     "<policy context='default'>\n<allow own='a.b'/></policy>",
     {"own denied allowed@2"}},
    {"a rule that makes no difference",
     "<policy context='default'>\n<deny own='*'/></policy>",
     "<policy context='default'>\n<deny own='*'/>\n<deny own='a.b'/></policy>",
     {}},
    {"two rules change places",
     "<policy context='default'>\n<allow own='a.b'/>\n<deny own_prefix='a'/></policy>",
     "<policy context='default'>\n<deny own_prefix='a'/>\n<allow own='a.b'/></policy>",
     {"own denied@3 allowed@3"}},
    {"a rule for one user",
     "<policy context='default'>\n<deny own='*'/></policy>",
     "<policy context='default'>\n<deny own='*'/></policy>"
     "<policy user='alice'>\n<allow own='a.b'/></policy>",
     {"own denied@2 allowed@3"}},
    {"another group",
     "<policy group='audio'>\n<allow own='a.b'/></policy>",
     "<policy group='video'>\n<allow own='a.b'/></policy>",
     {"own allowed@2 denied", "own denied allowed@2"}},
    {"who may connect",
     "<policy context='default'>\n<allow user='*'/></policy>",
     "<policy context='default'>\n<allow user='*'/>\n<deny user='alice'/></policy>",
     {"connect allowed@2 denied@3"}},
    {"an interface that is not named any more",
     "<policy context='default'>\n<allow send_destination='a.b' send_interface='a.I'/></policy>",
     "<policy context='default'>\n<allow send_destination='a.b'/></policy>",
     {"send denied allowed@2"}},
    {"what only shows on a message that another rule names",
     "<policy context='default'>\n<allow send_destination='*'/>\n<deny send_destination='a.b'/>"
     "\n<allow send_interface='a.I'/></policy>",
     "<policy context='default'>\n<allow send_destination='*'/>\n<deny send_destination='a.b'/>"
     "</policy>",
     {"send allowed@4 denied@3"}},
    {"a broad rule that makes others void",
     "<policy context='default'>\n<allow send_destination='a.b'/></policy>",
     "<policy context='default'>\n<allow send_destination='a.b'/>"
     "\n<allow send_broadcast='true'/></policy>",
     {"send allowed@2 denied", "send denied allowed@3"}},
    {"a log line",
     "<policy context='default'>\n<allow send_destination='a.b'/></policy>",
     "<policy context='default'>\n<allow send_destination='a.b' log='true'/></policy>",
     {"send allowed@2 allowed+log@2"}},
    {"overhearing",
     "<policy context='default'>\n<allow receive_sender='a.b'/></policy>",
     "<policy context='default'>\n<allow receive_sender='a.b' eavesdrop='true'/></policy>",
     {"receive denied allowed@2"}},
    {"how many descriptors",
     "<policy context='default'>\n<allow send_destination='a.b' max_fds='1'/></policy>",
     "<policy context='default'>\n<allow send_destination='a.b'/></policy>",
     {"send denied allowed@2"}},
};

TEST(Diff, TellsWhichDecisionsChange) {
    for (const auto& [about, before, after, expected] : kCases) {
        const Side one{std::string(before)};
        const Side two{std::string(after)};
        auto lines = summary(diff_of(one, two));
        // That the same rule decides on both sides is no difference in what is decided.
        std::erase_if(lines,
                      [](const std::string& line) { return line == "send allowed@2 allowed@2"; });
        for (const auto& line : expected) {
            EXPECT_NE(std::find(lines.begin(), lines.end(), line), lines.end())
                << about << ": missing " << line;
        }
        EXPECT_EQ(lines.empty(), expected.empty()) << about;
        EXPECT_EQ(lines, expected) << about;
    }
}

TEST(Diff, FindsNothingBetweenAPolicyAndItself) {
    for (unsigned seed = 0; seed < 200; ++seed) {
        Dice dice(seed);
        const Side side(random_policies(dice));
        EXPECT_TRUE(diff_of(side, side).changes.empty()) << seed;
    }
}

/// Whether random questions show a difference.
bool differs_somewhere(const Side& before, const Side& after, Dice& dice) {
    const gid_t gids[] = {29, 44, 1000};
    const PeerIdentity peers[] = {{.uid = 4711}, {.uid = 1000, .gids = gids}};
    for (const PeerIdentity& peer : peers) {
        const auto one = before.get().set.snapshot_for(peer);
        const auto two = after.get().set.snapshot_for(peer);
        for (int i = 0; i < 300; ++i) {
            auto message = random_message(dice);
            message.is_reply = message.type == bus::MessageType::MethodReturn ||
                               message.type == bus::MessageType::Error;
            const NameList party({std::string(dice.pick({"a.b", "a.b.c", "a.c", "x.y"}))});
            const SendQuery send{message, &party, dice.roll(2) == 0};
            if (one->may_send(send).allowed != two->may_send(send).allowed) return true;
            const ReceiveQuery receive{message, &party, dice.roll(2) == 0, dice.roll(2) == 0};
            if (one->may_receive(receive).allowed != two->may_receive(receive).allowed) return true;
        }
    }
    return false;
}

TEST(Diff, MissesFewOfTheDifferencesThatRandomQuestionsShow) {
    unsigned differing = 0;
    unsigned missed = 0;
    for (unsigned seed = 0; seed < 400; ++seed) {
        Dice dice(seed);
        const std::string common = random_policies(dice);
        const Side before(common);
        const Side after(common + "<policy context='default'>\n" + random_rule(dice) + "</policy>");
        if (!differs_somewhere(before, after, dice)) continue;
        ++differing;
        if (diff_of(before, after).changes.empty()) ++missed;
    }
    EXPECT_GT(differing, 60U);
    // No more than one in twenty: these are questions about names that no rule mentions together.
    EXPECT_LE(missed * 20, differing) << missed << " of " << differing;
}

TEST(Diff, SaysWhenItAskedOnlyAPart) {
    std::string rules;
    for (int i = 0; i < 3000; ++i)
        rules += fmt::format("\n<allow own='a.b{}'/>", i);
    const Side before("<policy context='default'></policy>");
    const Side after("<policy context='default'>" + rules + "</policy>");
    FakeUsers users;
    EXPECT_FALSE(diff(before.get(), after.get(), users).is_sampled);
    const auto part = diff(before.get(), after.get(), users, {.rules = 100});
    EXPECT_TRUE(part.is_sampled);
    EXPECT_EQ(part.changes.size(), 100U);
}

TEST(NameList, ShowsEveryNameOnce) {
    class Collector final : public NameVisitor {
    public:
        void visit(std::string_view name) override { names.emplace_back(name); }
        std::vector<std::string> names;
    } collector;
    const NameList list({"a.b", "a.c", "a.b"});
    list.for_each(collector);
    EXPECT_EQ(collector.names, (std::vector<std::string>{"a.b", "a.c"}));
    EXPECT_EQ(list.count(), 2U);
    EXPECT_TRUE(list.holds_below("a"));
    EXPECT_FALSE(list.holds("a"));
}

}  // namespace
}  // namespace buzon::policy
