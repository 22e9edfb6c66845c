// SPDX-License-Identifier: Apache-2.0
#include "broker/match_index.h"

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/broker/match_fixtures.h"

namespace buzon::broker {
namespace {

constexpr bus::HashSeed kSeed{17, 19};
constexpr PeerId kAnn{1}, kBob{2}, kCat{3};

MatchRule rule(std::string_view text) {
    return *parse_match_rule(text);
}

MatchSubject signal(std::string_view interface, std::string_view member, std::string_view path) {
    MatchSubject subject;
    subject.type = 4;
    subject.interface = interface;
    subject.member = member;
    subject.path = path;
    subject.sender = ":1.9";
    return subject;
}

std::set<PeerId> found(MatchIndex& index, const MatchSubject& subject) {
    std::vector<PeerId> receivers;
    index.find(subject, receivers);
    std::set<PeerId> distinct(receivers.begin(), receivers.end());
    EXPECT_EQ(distinct.size(), receivers.size()) << "a peer was given twice";
    return distinct;
}

std::vector<std::string> texts_of(const MatchIndex& index, PeerId peer) {
    std::vector<std::string> texts;
    for (const MatchRule& each : index.rules_of(peer))
        texts.push_back(to_text(each));
    return texts;
}

TEST(FindReceivers, GivesEachPeerOnce) {
    MatchIndex index(kSeed);
    index.add(kAnn, rule("interface=a.b"));
    index.add(kAnn, rule("member=M"));
    index.add(kAnn, rule("interface=a.b"));
    index.add(kBob, rule("path_namespace=/a"));
    index.add(kCat, rule("member=Other"));
    EXPECT_EQ(found(index, signal("a.b", "M", "/a/b")), (std::set<PeerId>{kAnn, kBob}));
    EXPECT_EQ(found(index, signal("a.c", "M", "/c")), std::set<PeerId>{kAnn});
    EXPECT_EQ(found(index, signal("a.c", "N", "/c")), std::set<PeerId>{});
}

TEST(FindReceivers, AppendsToWhatIsThere) {
    MatchIndex index(kSeed);
    index.add(kAnn, MatchRule{});
    std::vector<PeerId> receivers = {kBob};
    index.find(signal("a.b", "M", "/"), receivers);
    EXPECT_EQ(receivers, (std::vector<PeerId>{kBob, kAnn}));
}

TEST(FindReceivers, OfMonitorsSeeUnicastWithoutAskingForIt) {
    MatchIndex index(kSeed, Eavesdropping::Always);
    index.add(kAnn, MatchRule{});
    index.add(kBob, rule("destination=:1.5"));
    MatchSubject subject = signal("a.b", "M", "/");
    EXPECT_EQ(found(index, subject), std::set<PeerId>{kAnn});
    subject.destination = ":1.5";
    EXPECT_EQ(found(index, subject), (std::set<PeerId>{kAnn, kBob}));
}

TEST(FindReceivers, ReadsNoArgumentThatNoRuleAsksFor) {
    MatchIndex index(kSeed);
    index.add(kAnn, rule("interface=a.b,arg1=x"));
    index.add(kBob, rule("interface=a.c,arg5=x"));
    Arguments arguments({TextArgument{TextArgument::Kind::String, "x"}});
    MatchSubject subject = signal("a.b", "M", "/");
    subject.arguments = &arguments;
    found(index, subject);
    EXPECT_EQ(arguments.highest_asked(), 1);
}

TEST(FindReceivers, DoesNotDependOnHowManyNamesTheSenderHas) {
    MatchIndex index(kSeed);
    index.add(kAnn, rule("sender=x.N7"));
    index.add(kBob, rule("sender=x.Other"));
    std::vector<std::string> names;
    for (int i = 0; i < 10; ++i)
        names.push_back("x.N" + std::to_string(i));
    const GivenNames many(std::vector<std::string_view>(names.begin(), names.end()));
    const GivenNames one({"x.N7"});
    MatchSubject subject = signal("a.b", "M", "/");
    for (const GivenNames* list : {&many, &one}) {
        subject.sender_names = list;
        EXPECT_EQ(found(index, subject), std::set<PeerId>{kAnn});
    }
}

// Rules of one shape, with a number in place of '#'; the message below matches number 7 only.
constexpr std::string_view kShapes[] = {
    "interface=a.b#",
    "member=M#",
    "path=/p/x#",
    "path_namespace=/p/x#",
    "sender=:1.#",
    "sender=x.N#",
    "arg0=a.n#",
    "arg0namespace=a.n#",
    "arg1=v#",
    "arg2path=/q/y#",
    "arg3path=/q/y#/z",
    "arg2path=/q/y#,arg1=v7,arg0=a.n7",
    "arg2path=/q/y7,arg1=v#,arg0=a.n7",
    "destination=:1.#,eavesdrop=true",
    "destination=x.N#,eavesdrop=true",
};

std::uint64_t look_ups_with(std::string_view shape, int rule_count) {
    MatchIndex index(kSeed);
    for (int i = 0; i < rule_count; ++i) {
        std::string text(shape);
        text.replace(text.find('#'), 1, std::to_string(i));
        index.add(PeerId{static_cast<std::uint64_t>(i)}, rule(text));
    }
    const GivenNames names({"x.N7", "x.Other"});
    Arguments arguments({TextArgument{TextArgument::Kind::String, "a.n7"},
                         TextArgument{TextArgument::Kind::String, "v7"},
                         TextArgument{TextArgument::Kind::ObjectPath, "/q/y7"},
                         TextArgument{TextArgument::Kind::String, "/q/y7/"}});
    MatchSubject subject = signal("a.b7", "M7", "/p/x7");
    subject.sender = ":1.7";
    subject.sender_names = &names;
    subject.arguments = &arguments;
    if (shape.starts_with("destination")) {
        subject.destination = "x.N7";
        subject.recipient = ":1.7";
        subject.recipient_names = &names;
    }
    EXPECT_EQ(found(index, subject), std::set<PeerId>{PeerId{7}}) << shape;
    return index.look_ups();
}

TEST(FindReceivers, CostsTheSameHoweverManyRulesAskForSomethingElse) {
    for (const std::string_view shape : kShapes) {
        // A text is looked up if any rule has one as long.
        EXPECT_LE(look_ups_with(shape, 3000), look_ups_with(shape, 10) + 8) << shape;
    }
}

TEST(RemoveRule, TakesTheNewestEqualOne) {
    MatchIndex index(kSeed);
    for (const std::string_view text : {"member=A", "member=B", "member=A", "member=C"}) {
        index.add(kAnn, rule(text));
    }
    EXPECT_TRUE(index.remove(kAnn, rule("member='A'")));
    EXPECT_EQ(texts_of(index, kAnn),
              (std::vector<std::string>{"member='A'", "member='B'", "member='C'"}));
    EXPECT_EQ(found(index, signal("a.b", "A", "/")), std::set<PeerId>{kAnn});
    EXPECT_TRUE(index.remove(kAnn, rule("member='A'")));
    EXPECT_EQ(found(index, signal("a.b", "A", "/")), std::set<PeerId>{});
    EXPECT_FALSE(index.remove(kAnn, rule("member='A'")));
    EXPECT_EQ(index.count_of(kAnn), 2U);
}

TEST(RemoveRule, LeavesOthersAlone) {
    MatchIndex index(kSeed);
    index.add(kAnn, rule("member=A"));
    index.add(kAnn, rule("member=A,arg0=x"));
    index.add(kBob, rule("member=A"));
    EXPECT_FALSE(index.remove(kBob, rule("member=A,arg0=x")));
    EXPECT_FALSE(index.remove(kCat, rule("member=A")));
    EXPECT_FALSE(index.remove(kBob, rule("member=A,eavesdrop=true")));
    EXPECT_FALSE(index.remove(kBob, rule("member=A,type=signal")));
    EXPECT_TRUE(index.remove(kBob, rule("member=A")));
    EXPECT_EQ(found(index, signal("a.b", "A", "/")), std::set<PeerId>{kAnn});
}

TEST(RemoveAllRules, LeavesNothingBehind) {
    MatchIndex index(kSeed);
    index.add(kAnn, rule("type=signal,interface=a.b,member=M,path=/a,arg0=x,arg1path=/"));
    index.add(kAnn, rule("type=signal,interface=a.b,arg0namespace=x"));
    index.add(kAnn, rule("eavesdrop=true,sender=:1.3,destination=x.y"));
    index.add(kAnn, MatchRule{});
    EXPECT_EQ(index.remove_all(kAnn), 4U);
    EXPECT_EQ(index.remove_all(kAnn), 0U);
    EXPECT_TRUE(index.empty());
    EXPECT_EQ(index.node_count(), 0U);
}

TEST(RemoveMentions, ForgetsRulesOfOthersAboutADeadPeer) {
    MatchIndex index(kSeed);
    index.add(kAnn, rule("sender=:1.9,member=M"));
    index.add(kAnn, rule("sender=:1.9,member=M"));
    index.add(kAnn, rule("sender=:1.90"));
    index.add(kBob, rule("sender=:1.9,destination=:1.9,eavesdrop=true"));
    index.add(kBob, rule("sender=x.A,destination=:1.9,arg3=x,eavesdrop=true"));
    index.add(kBob, rule("arg0=:1.9"));
    std::vector<PeerId> losers;
    EXPECT_FALSE(index.remove_mentioning_unique(":1.9", 3, losers));
    EXPECT_EQ(losers.size(), 3U);
    EXPECT_TRUE(index.remove_mentioning_unique(":1.9", 1, losers));
    std::sort(losers.begin(), losers.end());
    EXPECT_EQ(losers, (std::vector<PeerId>{kAnn, kAnn, kBob, kBob}));
    EXPECT_EQ(texts_of(index, kAnn), std::vector<std::string>{"sender=':1.90'"});
    EXPECT_EQ(texts_of(index, kBob), std::vector<std::string>{"arg0=':1.9'"});
    EXPECT_FALSE(index.remove(kAnn, rule("sender=:1.9,member=M")));
    EXPECT_TRUE(index.remove_mentioning_unique(":1.9", 1, losers));
    EXPECT_EQ(losers.size(), 4U);
}

TEST(RulesOf, AreGivenWholeAndInTheOrderOfAdding) {
    constexpr std::string_view kText =
        "type='error',interface='a.b',member='M',path_namespace='/a',sender='c.d',"
        "destination=':1.1',eavesdrop='true',arg0namespace='p',arg2path='x/',arg10=''";
    MatchIndex index(kSeed);
    index.add(kAnn, rule(kText));
    index.add(kAnn, MatchRule{});
    index.add(kAnn, rule("path=/a,arg63=x"));
    EXPECT_EQ(texts_of(index, kAnn),
              (std::vector<std::string>{std::string(kText), "", "path='/a',arg63='x'"}));
    EXPECT_TRUE(index.rules_of(kBob).empty());
}

class RuleCursorTest : public testing::Test {
protected:
    RuleCursorTest() {
        for (const auto* const text : {"member='A'", "member='B'", "member='C'"})
            index_.add(kAnn, rule(text));
        index_.set_cursor(cursor_, kAnn);
    }
    std::string next() {
        const auto found = index_.next_rule(cursor_);
        return found ? to_text(*found) : "end";
    }

    MatchIndex index_{kSeed};
    MatchIndex::RuleCursor cursor_;
};

TEST_F(RuleCursorTest, GivesTheRulesInTheirOrder) {
    EXPECT_EQ(next(), "member='A'");
    EXPECT_EQ(next(), "member='B'");
    EXPECT_EQ(next(), "member='C'");
    EXPECT_EQ(next(), "end");
    EXPECT_EQ(next(), "end");
    index_.set_cursor(cursor_, kBob);
    EXPECT_EQ(next(), "end");
}

TEST_F(RuleCursorTest, PassesOverWhatIsRemovedInFrontOfIt) {
    EXPECT_EQ(next(), "member='A'");
    EXPECT_TRUE(index_.remove(kAnn, rule("member='B'")));
    index_.add(kBob, rule("member='D'"));  // has the number that has become free
    EXPECT_EQ(next(), "member='C'");
    EXPECT_EQ(next(), "end");
}

TEST_F(RuleCursorTest, MindsNothingThatIsRemovedBehindIt) {
    EXPECT_EQ(next(), "member='A'");
    EXPECT_TRUE(index_.remove(kAnn, rule("member='A'")));
    EXPECT_EQ(next(), "member='B'");
}

TEST_F(RuleCursorTest, OfEqualRulesLeavesOutTheOneThatIsRemoved) {
    index_.add(kAnn, rule("member='A'"));
    EXPECT_EQ(next(), "member='A'");
    EXPECT_TRUE(index_.remove(kAnn, rule("member='A'")));
    EXPECT_EQ(next(), "member='B'");
    EXPECT_EQ(next(), "member='C'");
    EXPECT_EQ(next(), "end");
}

TEST_F(RuleCursorTest, IsAtTheEndWhenAllAreGone) {
    EXPECT_EQ(next(), "member='A'");
    EXPECT_EQ(index_.remove_all(kAnn), 3U);
    index_.add(kAnn, rule("member='A'"));
    EXPECT_EQ(next(), "end");
}

TEST_F(RuleCursorTest, MayEndBeforeAll) {
    {
        MatchIndex::RuleCursor other;
        index_.set_cursor(other, kAnn);
    }
    EXPECT_EQ(index_.remove_all(kAnn), 3U);
}

/// Random rules and messages over few words, so that they often meet.
class Generator {
public:
    explicit Generator(unsigned seed) : random_(seed) {}

    bool chance(unsigned one_in) { return below(one_in) == 0; }
    std::size_t below(std::size_t end) { return random_() % end; }
    template <std::size_t kCount>
    std::string_view one_of(const std::string_view (&words)[kCount]) {
        return words[below(kCount)];
    }

    MatchRule make_rule() {
        MatchRule made;
        if (chance(2)) made.type = static_cast<bus::MessageType>(chance(6) ? 1 + below(4) : 4);
        if (chance(2)) made.interface = one_of(kInterfaces);
        if (chance(2)) made.member = one_of(kMembers);
        if (chance(2)) made.path = one_of(kPaths);
        if (!made.path.empty() && chance(2)) made.path_condition = PathCondition::Namespace;
        if (chance(3)) made.sender = one_of(kNames);
        if (chance(5)) made.destination = one_of(kNames);
        made.eavesdrop = chance(3);
        for (const unsigned index : kIndices) {
            if (chance(4)) made.arguments.push_back(make_condition(index));
        }
        return made;
    }

    ArgumentCondition make_condition(unsigned index) {
        using Kind = ArgumentCondition::Kind;
        const auto kind = static_cast<Kind>(below(index == 0 ? 3 : 2));
        return {static_cast<std::uint8_t>(index), kind,
                std::string(kind == Kind::Namespace ? one_of(kNamespaces) : one_of(kTexts))};
    }

    std::vector<std::optional<TextArgument>> make_arguments() {
        std::vector<std::optional<TextArgument>> list(64);
        for (const unsigned index : kIndices) {
            if (chance(5)) continue;
            const auto kind =
                chance(3) ? TextArgument::Kind::ObjectPath : TextArgument::Kind::String;
            list[index] = TextArgument{kind, one_of(kTexts)};
        }
        return list;
    }

    std::vector<std::string_view> make_names() {
        std::vector<std::string_view> names;
        for (const std::string_view name : kNames) {
            if (!name.starts_with(':') && chance(3)) names.push_back(name);
        }
        return names;
    }

    /// Without arguments and lists of names.
    MatchSubject make_subject() {
        MatchSubject made;
        made.type = static_cast<std::uint8_t>(chance(4) ? 1 + below(6) : 4);
        if (!chance(6)) made.interface = one_of(kInterfaces);
        if (!chance(6)) made.member = one_of(kMembers);
        if (!chance(6)) made.path = one_of(kPaths);
        made.sender = one_of(kUniqueNames);
        if (chance(3)) made.destination = one_of(kNames);
        if (made.is_unicast() && !chance(3)) made.recipient = one_of(kUniqueNames);
        return made;
    }

    static constexpr std::string_view kUniqueNames[] = {":1.1", ":1.2", ":1.3",
                                                        "org.freedesktop.DBus"};

private:
    static constexpr std::string_view kInterfaces[] = {"a.b", "a.c", "org.example.Long.Name"};
    static constexpr std::string_view kMembers[] = {"M", "N"};
    static constexpr std::string_view kPaths[] = {"/",      "/a",  "/a/b",
                                                  "/a/b/c", "/ab", "/org/example/longer/path"};
    static constexpr std::string_view kNames[] = {
        ":1.1", ":1.2", ":1.3", "x.A", "x.B", "x.C", "org.freedesktop.DBus"};
    static constexpr std::string_view kNamespaces[] = {"a", "a.b", "a.b.c", "org.example"};
    static constexpr std::string_view kTexts[] = {"",
                                                  "a",
                                                  "a.b",
                                                  "a.b.c",
                                                  "ab",
                                                  "a.",
                                                  "/",
                                                  "/a",
                                                  "/a/",
                                                  "/a/b",
                                                  "/a/b/",
                                                  "/a/b/c",
                                                  "//",
                                                  "///",
                                                  "/ab/",
                                                  ":1.1",
                                                  "org.example.Long.Name",
                                                  "/org/example/longer/path/"};
    static constexpr unsigned kIndices[] = {0, 1, 2, 63};

    std::mt19937 random_;
};

/// All rules in one list, each asked.
class Model {
public:
    struct Entry {
        PeerId peer;
        MatchRule rule;
    };

    bool remove(PeerId peer, const MatchRule& rule) {
        const auto last = std::find_if(entries.rbegin(), entries.rend(), [&](const Entry& entry) {
            return entry.peer == peer && entry.rule == rule;
        });
        if (last == entries.rend()) return false;
        entries.erase(std::next(last).base());
        return true;
    }
    std::size_t remove_mentioning(std::string_view name) {
        return std::erase_if(entries, [&](const Entry& entry) {
            return entry.rule.sender == name || entry.rule.destination == name;
        });
    }
    [[nodiscard]] std::vector<MatchRule> rules_of(PeerId peer) const {
        std::vector<MatchRule> rules;
        for (const Entry& entry : entries) {
            if (entry.peer == peer) rules.push_back(entry.rule);
        }
        return rules;
    }
    [[nodiscard]] std::set<PeerId> find(const MatchSubject& subject) const {
        std::set<PeerId> peers;
        for (const Entry& entry : entries) {
            if (entry.rule.matches(subject)) peers.insert(entry.peer);
        }
        return peers;
    }

    std::vector<Entry> entries;
};

class AgainstModel : public testing::TestWithParam<Eavesdropping> {
protected:
    void change_something() {
        const PeerId peer{generate.below(12)};
        MatchRule made = generate.make_rule();
        const auto draw = generate.below(40);
        if (draw == 0) {
            const auto removed =
                std::erase_if(model.entries, [&](const auto& entry) { return entry.peer == peer; });
            ASSERT_EQ(index.remove_all(peer), removed);
        } else if (draw == 1) {
            const std::string_view name = generate.one_of({":1.1", ":1.2", ":1.3"});
            const auto mentioning = model.remove_mentioning(name);
            std::vector<PeerId> losers;
            while (!index.remove_mentioning_unique(name, 2, losers)) {
            }
            ASSERT_EQ(losers.size(), mentioning);
        } else if (draw < 12 && !model.entries.empty()) {
            if (generate.chance(2)) made = model.entries[generate.below(model.entries.size())].rule;
            ASSERT_EQ(index.remove(peer, made), model.remove(peer, as_kept(made)));
        } else {
            index.add(peer, made);
            model.entries.push_back({peer, as_kept(made)});
        }
        ASSERT_EQ(index.rules_of(peer), model.rules_of(peer));
        ASSERT_EQ(index.size(), model.entries.size());
    }

    void compare_one_message() {
        const GivenNames sender_names(generate.make_names()),
            recipient_names(generate.make_names());
        Arguments arguments(generate.make_arguments());
        MatchSubject subject = generate.make_subject();
        if (!generate.chance(3)) subject.sender_names = &sender_names;
        if (!generate.chance(3)) subject.recipient_names = &recipient_names;
        if (!generate.chance(10)) subject.arguments = &arguments;
        const std::set<PeerId> receivers = found(index, subject);
        ASSERT_EQ(receivers, model.find(subject));
        hits += receivers.size();
    }

    MatchRule as_kept(MatchRule made) const {
        if (GetParam() == Eavesdropping::Always) made.eavesdrop = true;
        return made;
    }

    MatchIndex index{kSeed, GetParam()};
    Model model;
    Generator generate{23};
    std::size_t hits = 0;
};

TEST_P(AgainstModel, FindsTheSameReceiversThroughRandomHistories) {
    for (int step = 0; step < 6000; ++step) {
        change_something();
        for (int i = 0; i < 3; ++i)
            compare_one_message();
        if (HasFatalFailure()) return;
    }
    EXPECT_GT(hits, 1000U) << "the messages meet too few rules to test anything";
    for (unsigned peer = 0; peer < 12; ++peer)
        index.remove_all(PeerId{peer});
    EXPECT_EQ(index.node_count(), 0U);
}

INSTANTIATE_TEST_SUITE_P(BothKinds,
                         AgainstModel,
                         testing::Values(Eavesdropping::AsTheRuleSays, Eavesdropping::Always));

}  // namespace
}  // namespace buzon::broker
