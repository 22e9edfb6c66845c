// SPDX-License-Identifier: Apache-2.0
// Each rule of these policies stands on a line of its own; expectations name the lines.
#include "policy/diff.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "policy/diff_pairs.h"
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

/// Whether the fields that its type demands are there.
bool is_complete(const MessageFacts& message) {
    const bool signal = message.type == bus::MessageType::Signal;
    if (signal && message.interface.empty()) return false;
    if (!signal && message.type != bus::MessageType::MethodCall) return true;
    return !message.path.empty() && !message.member.empty();
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
            if (!is_complete(message)) continue;
            message.is_reply = message.type == bus::MessageType::MethodReturn ||
                               message.type == bus::MessageType::Error;
            std::vector<std::string> names{std::string(dice.pick({"a.b", "a.b.c", "a.c", "x.y"}))};
            if (dice.roll(2) == 0) names.emplace_back(dice.pick({"a.b", "a.b.c", "a.c", "a"}));
            const NameList party(std::move(names));
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
    EXPECT_TRUE(diff(before.get(), after.get(), users).cuts.empty());
    const auto part = diff(before.get(), after.get(), users, {.alone = 100});
    ASSERT_EQ(part.cuts.size(), 1U);
    EXPECT_EQ(part.cuts[0].what, "rules that differ");
    EXPECT_EQ(part.cuts[0].asked, part.changes.size());
    EXPECT_EQ(part.cuts[0].of, 3000U);
    EXPECT_LT(part.changes.size(), 200U);
}

TEST(Diff, AsksForEverybodyWhomDifferingRulesAreAbout) {
    std::string policies;
    for (int i = 0; i < 200; ++i)
        policies += fmt::format("<policy user='{}'>\n<allow own='a.b'/></policy>", 5000 + i);
    const Side before(policies);
    const Side after(policies + "<policy user='5170'>\n<deny own='a.b'/></policy>");
    EXPECT_EQ(summary(diff_of(before, after)), Lines{"own allowed@172 denied@202"});
}

const Case kTwoNames[] = {
    {"swapped rules about different names",
     "<policy context='default'>\n<deny send_destination='a.b'/>\n<allow send_destination='c.d'/>"
     "</policy>",
     "<policy context='default'>\n<allow send_destination='c.d'/>\n<deny send_destination='a.b'/>"
     "</policy>",
     {"send allowed@3 denied@3"}},
    {"senders",
     "<policy context='default'>\n<deny receive_sender='a.b'/>\n<allow receive_sender='c.d'/>"
     "</policy>",
     "<policy context='default'>\n<allow receive_sender='c.d'/>\n<deny receive_sender='a.b'/>"
     "</policy>",
     {"receive allowed@3 denied@3"}},
    {"a name and a prefix, of an interface that both mention",
     "<policy context='default'>\n<deny send_destination='a.b' send_interface='a.I'/>"
     "\n<allow send_destination_prefix='c.d'/></policy>",
     "<policy context='default'>\n<allow send_destination_prefix='c.d'/>"
     "\n<deny send_destination='a.b' send_interface='a.I'/></policy>",
     {"send allowed@3 denied@3"}},
    {"what is said to others now stands behind it",
     "<policy context='default'>\n<deny send_destination='a.b'/></policy>"
     "<policy user='alice'>\n<allow send_destination='c.d'/></policy>",
     "<policy user='alice'>\n<allow send_destination='c.d'/></policy>"
     "<policy context='mandatory'>\n<deny send_destination='a.b'/></policy>",
     {"send allowed@3 denied@3"}},
    {"one of them only logs",
     "<policy context='default'>\n<allow send_destination='a.b' log='true'/>"
     "\n<allow send_destination='c.d'/></policy>",
     "<policy context='default'>\n<allow send_destination='c.d'/>"
     "\n<allow send_destination='a.b' log='true'/></policy>",
     {"send allowed@3 allowed+log@3"}},
    {"nobody has the bus's own name",
     "<policy context='default'>\n<deny send_destination='org.freedesktop.DBus'/>"
     "\n<allow send_destination='c.d'/></policy>",
     "<policy context='default'>\n<allow send_destination='c.d'/>"
     "\n<deny send_destination='org.freedesktop.DBus'/></policy>",
     {}},
    {"rules that say the same",
     "<policy context='default'>\n<allow send_destination='a.b'/>\n<allow send_destination='c.d'/>"
     "</policy>",
     "<policy context='default'>\n<allow send_destination='c.d'/>\n<allow send_destination='a.b'/>"
     "</policy>",
     {}},
    {"rules that no message meets together",
     "<policy context='default'>\n<deny send_destination='a.b' send_type='signal'/>"
     "\n<allow send_destination='c.d' send_type='method_call'/></policy>",
     "<policy context='default'>\n<allow send_destination='c.d' send_type='method_call'/>"
     "\n<deny send_destination='a.b' send_type='signal'/></policy>",
     {}},
    {"what a rule behind both decides",
     "<policy context='default'>\n<deny send_destination='a.b'/>\n<allow send_destination='c.d'/>"
     "\n<deny send_destination_prefix='a'/>\n<deny send_destination='c.d'/></policy>",
     "<policy context='default'>\n<allow send_destination='c.d'/>\n<deny send_destination='a.b'/>"
     "\n<deny send_destination_prefix='a'/>\n<deny send_destination='c.d'/></policy>",
     {}},
};

TEST(Diff, AsksAboutThoseWhoHaveTwoNames) {
    for (const auto& [about, before, after, expected] : kTwoNames) {
        const Side one{std::string(before)};
        const Side two{std::string(after)};
        const auto found = diff_of(one, two);
        EXPECT_EQ(summary(found), expected) << about;
        EXPECT_TRUE(found.cuts.empty()) << about;
        for (const auto& change : found.changes)
            EXPECT_NE(change.question.find("(who also has "), std::string::npos) << about;
    }
}

TEST(Diff, DescribesTheQuestion) {
    const Side before("<policy context='default'></policy>");
    const Side after(
        "<policy context='default'><allow send_destination='a.b' send_path='/a'"
        " send_type='method_call'/></policy>");
    const auto found = diff_of(before, after);
    ASSERT_EQ(found.changes.size(), 1U);
    EXPECT_EQ(found.changes[0].question,
              "any other user sends a method_call to a.b, path /a, any other interface, member");
}

TEST(Diff, SaysWhenThereAreTooManyMessagesToThoseWhoHaveTwoNames) {
    std::string one, two;
    for (int i = 0; i < 20; ++i) {
        one += fmt::format("\n<deny send_destination='a.b{0}' send_path='/{0}'/>", i);
        two += fmt::format("\n<allow send_destination='c.d{0}' send_path='/{0}'/>", i);
    }
    const Side before("<policy context='default'>" + one + two + "</policy>");
    const Side after("<policy context='default'>" + two + one + "</policy>");
    EXPECT_TRUE(diff_of(before, after).cuts.empty());
    FakeUsers users;
    const auto part = diff(before.get(), after.get(), users, {.pair_questions = 100});
    ASSERT_EQ(part.cuts.size(), 1U);
    EXPECT_EQ(part.cuts[0].what, "messages to and from those who have two names");
    const auto fewer = diff(before.get(), after.get(), users, {.pairs = 5});
    ASSERT_EQ(fewer.cuts.size(), 1U);
    EXPECT_EQ(fewer.cuts[0].asked, 5U);
}

/// Whether some two names are decided differently together.
bool is_discordant(const std::vector<RankedName>& names) {
    for (const RankedName& one : names) {
        for (const RankedName& two : names) {
            const bool differs = one.allowed != two.allowed || one.log != two.log;
            if (differs && one.before < two.before && one.after > two.after) return true;
        }
    }
    return false;
}

TEST(DiscordantPairs, FindsOneIfThereIsAny) {
    unsigned discordant = 0;
    for (unsigned seed = 0; seed < 2000; ++seed) {
        Dice dice(seed);
        std::vector<RankedName> names;
        for (unsigned i = 0; i < 6; ++i) {
            const bool allowed = dice.roll(2) == 0;
            names.push_back({i, i, allowed, allowed && dice.roll(3) == 0});
        }
        // Names of one rank are decided by one rule, so this is all that can be.
        for (std::size_t i = 1; i < names.size(); ++i) {
            std::swap(names[i].before, names[dice.roll(static_cast<unsigned>(i) + 1)].before);
            std::swap(names[i].after, names[dice.roll(static_cast<unsigned>(i) + 1)].after);
        }
        const auto pairs = discordant_pairs(names);
        for (const auto& [left, right] : pairs) {
            EXPECT_LT(names[left].before, names[right].before) << seed;
            EXPECT_GT(names[left].after, names[right].after) << seed;
        }
        EXPECT_EQ(!pairs.empty(), is_discordant(names)) << seed;
        discordant += pairs.empty() ? 0 : 1;
    }
    EXPECT_GT(discordant, 500U);
    EXPECT_LT(discordant, 1990U);
}

TEST(Diff, GetsThroughAHundredThousandRules) {
    // Rules of one name and one key, a third of which are missing: comparing each with each, or
    // asking about each pair, would take hours in a build without optimization.
    std::string all, some;
    for (int i = 0; i < 50'000; ++i) {
        const auto rules = fmt::format(
            "<allow send_destination='a.b' max_fds='{}'/><deny own='a.b{}'/>", i % 1000, i);
        all += rules;
        if (i % 3 != 0) some += rules;
    }
    const Side before("<policy context='default'><allow own='*'/>" + all + "</policy>");
    const Side after("<policy context='default'><allow own='*'/>" + some + "</policy>");
    const auto found = diff_of(before, after);
    EXPECT_EQ(found.changes.size(), 16'667U);
    EXPECT_FALSE(found.cuts.empty());
    EXPECT_LT(found.questions, 1'000'000U);
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
