// SPDX-License-Identifier: Apache-2.0
#include "broker/name_registry.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "bus/protocol.h"
#include "tests/broker/listed_names.h"

namespace buzon::broker {
namespace {

using bus::kNameAllowReplacement;
using bus::kNameDoNotQueue;
using bus::kNameReplaceExisting;

constexpr PeerId kAnn{1}, kBob{2}, kCat{3}, kDan{4};
constexpr std::string_view kMail = "org.example.Mail";

using Queue = std::vector<PeerId>;

class Names : public testing::Test {
protected:
    RequestCode ask(PeerId peer, std::uint32_t flags = 0, std::string_view name = kMail) {
        last_change = std::nullopt;
        const RequestOutcome outcome = names.request(peer, name, flags);
        last_change = outcome.change;
        return outcome.code;
    }
    ReleaseCode give_up(PeerId peer, std::string_view name = kMail) {
        const ReleaseOutcome outcome = names.release(peer, name);
        last_change = outcome.change;
        return outcome.code;
    }
    std::vector<std::string> owned(PeerId peer) const {
        const auto views = names.owned_by(peer);
        std::vector<std::string> sorted(views.begin(), views.end());
        std::sort(sorted.begin(), sorted.end());
        return sorted;
    }

    NameRegistry names{bus::HashSeed{3, 5}};
    std::optional<NameChange> last_change;
};

using RequestName = Names;
using ReleaseName = Names;
using ReleaseAll = Names;
using Holds = Names;

NameChange change(std::optional<PeerId> from,
                  std::optional<PeerId> to,
                  std::string_view name = kMail) {
    return NameChange{std::string(name), from, to};
}

TEST_F(RequestName, FirstCallerBecomesPrimaryOwner) {
    EXPECT_EQ(ask(kAnn), RequestCode::PrimaryOwner);
    EXPECT_EQ(last_change, change(std::nullopt, kAnn));
    EXPECT_EQ(names.owner_of(kMail), kAnn);
}

TEST_F(RequestName, SecondCallerWaitsBehindTheOwner) {
    ask(kAnn);
    EXPECT_EQ(ask(kBob), RequestCode::InQueue);
    EXPECT_EQ(last_change, std::nullopt);
    EXPECT_EQ(names.queue_of(kMail), (Queue{kAnn, kBob}));
}

TEST_F(RequestName, OwnerAsksAgainAndOnlyItsFlagsChange) {
    ask(kAnn);
    EXPECT_EQ(ask(kAnn, kNameAllowReplacement), RequestCode::AlreadyOwner);
    EXPECT_EQ(last_change, std::nullopt);
    EXPECT_EQ(ask(kBob, kNameReplaceExisting), RequestCode::PrimaryOwner);
}

TEST_F(RequestName, ReplacedOwnerWaitsAtTheHeadOfTheQueue) {
    ask(kAnn, kNameAllowReplacement);
    ask(kCat);
    EXPECT_EQ(ask(kBob, kNameReplaceExisting), RequestCode::PrimaryOwner);
    EXPECT_EQ(last_change, change(kAnn, kBob));
    EXPECT_EQ(names.queue_of(kMail), (Queue{kBob, kAnn, kCat}));
}

TEST_F(RequestName, ReplacedOwnerThatDoesNotQueueLeaves) {
    ask(kAnn, kNameAllowReplacement | kNameDoNotQueue);
    EXPECT_EQ(ask(kBob, kNameReplaceExisting), RequestCode::PrimaryOwner);
    EXPECT_EQ(last_change, change(kAnn, kBob));
    EXPECT_EQ(names.queue_of(kMail), Queue{kBob});
    EXPECT_EQ(names.count_held_by(kAnn), 0U);
}

TEST_F(RequestName, ReplacementNeedsBothSides) {
    ask(kAnn, kNameAllowReplacement);
    EXPECT_EQ(ask(kBob), RequestCode::InQueue);
    ask(kAnn);
    EXPECT_EQ(ask(kBob, kNameReplaceExisting), RequestCode::InQueue);
    EXPECT_EQ(names.owner_of(kMail), kAnn);
}

TEST_F(RequestName, CallerThatDoesNotQueueIsTurnedAway) {
    ask(kAnn);
    EXPECT_EQ(ask(kBob, kNameDoNotQueue), RequestCode::Exists);
    EXPECT_EQ(ask(kCat, kNameDoNotQueue | kNameReplaceExisting), RequestCode::Exists);
    EXPECT_EQ(names.queue_of(kMail), Queue{kAnn});
}

TEST_F(RequestName, QueuedCallerThatNoLongerQueuesLeavesTheQueue) {
    ask(kAnn);
    ask(kBob);
    EXPECT_EQ(ask(kBob, kNameDoNotQueue), RequestCode::Exists);
    EXPECT_EQ(last_change, std::nullopt);
    EXPECT_EQ(names.queue_of(kMail), Queue{kAnn});
    EXPECT_FALSE(names.holds(kBob, kMail));
}

TEST_F(RequestName, QueuedCallerKeepsItsPlaceAndChangesItsFlags) {
    ask(kAnn);
    ask(kBob);
    ask(kCat);
    EXPECT_EQ(ask(kBob, kNameAllowReplacement), RequestCode::InQueue);
    EXPECT_EQ(names.queue_of(kMail), (Queue{kAnn, kBob, kCat}));
    give_up(kAnn);
    EXPECT_EQ(ask(kCat, kNameReplaceExisting), RequestCode::PrimaryOwner);
}

TEST_F(RequestName, ReplacementThatFailsLeadsToTheSecondPlace) {
    // As seen with dbus-daemon: 0 owns, 1 2 3 wait; 3 asks to replace; 0 allows it; 2 replaces.
    for (const PeerId peer : {kAnn, kBob, kCat, kDan})
        ask(peer);
    EXPECT_EQ(ask(kDan, kNameReplaceExisting), RequestCode::InQueue);
    EXPECT_EQ(names.queue_of(kMail), (Queue{kAnn, kDan, kBob, kCat}));
    EXPECT_EQ(ask(kAnn, kNameAllowReplacement), RequestCode::AlreadyOwner);
    EXPECT_EQ(ask(kCat, kNameReplaceExisting), RequestCode::PrimaryOwner);
    EXPECT_EQ(names.queue_of(kMail), (Queue{kCat, kAnn, kDan, kBob}));
}

TEST_F(RequestName, UnknownFlagsAreIgnored) {
    ask(kAnn, 0xfffffff8);
    EXPECT_EQ(ask(kBob, 0xfffffff8), RequestCode::InQueue);
}

TEST_F(RequestName, FlagsOfAQueuedOwnerCountWhenItIsPromoted) {
    ask(kAnn);
    ask(kBob, kNameAllowReplacement);
    give_up(kAnn);
    EXPECT_EQ(ask(kCat, kNameReplaceExisting), RequestCode::PrimaryOwner);
    EXPECT_EQ(last_change, change(kBob, kCat));
}

TEST_F(ReleaseName, NextInTheQueueInherits) {
    ask(kAnn);
    ask(kBob);
    EXPECT_EQ(give_up(kAnn), ReleaseCode::Released);
    EXPECT_EQ(last_change, change(kAnn, kBob));
    EXPECT_EQ(owned(kBob), std::vector<std::string>{std::string(kMail)});
}

TEST_F(ReleaseName, LastOwnerTakesTheNameAway) {
    ask(kAnn);
    EXPECT_EQ(give_up(kAnn), ReleaseCode::Released);
    EXPECT_EQ(last_change, change(kAnn, std::nullopt));
    EXPECT_EQ(names.owner_of(kMail), std::nullopt);
    EXPECT_EQ(names.size(), 0U);
}

TEST_F(ReleaseName, LeavingTheQueueChangesNoOwner) {
    ask(kAnn);
    ask(kBob);
    EXPECT_EQ(give_up(kBob), ReleaseCode::Released);
    EXPECT_EQ(last_change, std::nullopt);
    EXPECT_EQ(names.queue_of(kMail), Queue{kAnn});
}

TEST_F(ReleaseName, TellsUnknownNamesFromNamesOfOthers) {
    ask(kAnn);
    EXPECT_EQ(give_up(kBob), ReleaseCode::NotOwner);
    EXPECT_EQ(give_up(kBob, "org.example.Nobody"), ReleaseCode::NonExistent);
}

TEST_F(ReleaseAll, GoesFromTheLastRequestToTheFirst) {
    // As seen with dbus-daemon: the place in the queue and promotions do not count.
    ask(kBob, 0, "x.X");
    ask(kAnn, 0, "x.X");
    ask(kAnn, 0, "x.Y");
    give_up(kBob, "x.X");
    ask(kAnn, 0, "x.Z");
    const std::vector<NameChange> expected = {
        change(kAnn, std::nullopt, "x.Z"),
        change(kAnn, std::nullopt, "x.Y"),
        change(kAnn, std::nullopt, "x.X"),
    };
    EXPECT_EQ(names.release_all(kAnn), expected);
    EXPECT_EQ(names.size(), 0U);
}

TEST_F(ReleaseAll, GoesTheOtherWayForAMonitor) {
    for (const std::string_view name : {"x.B", "x.C", "x.A"})
        ask(kAnn, 0, name);
    const std::vector<NameChange> expected = {
        change(kAnn, std::nullopt, "x.B"),
        change(kAnn, std::nullopt, "x.C"),
        change(kAnn, std::nullopt, "x.A"),
    };
    EXPECT_EQ(names.release_all(kAnn, ReleaseOrder::FirstAcquiredFirst), expected);
}

TEST_F(ReleaseAll, LeavesQueuesSilently) {
    ask(kBob);
    ask(kAnn);
    EXPECT_TRUE(names.release_all(kAnn).empty());
    EXPECT_EQ(names.queue_of(kMail), Queue{kBob});
    EXPECT_TRUE(names.release_all(kAnn).empty());
}

TEST_F(Holds, CountsOwnedAndQueuedNames) {
    ask(kAnn);
    ask(kBob);
    ask(kBob, 0, "org.example.Other");
    EXPECT_TRUE(names.holds(kBob, kMail));
    EXPECT_FALSE(names.holds(kAnn, "org.example.Other"));
    EXPECT_EQ(names.count_held_by(kBob), 2U);
    EXPECT_EQ(owned(kBob), std::vector<std::string>{"org.example.Other"});
}

TEST_F(Holds, PrefixEndsAtADot) {
    ask(kAnn, 0, "org.example.a-b");
    ask(kAnn, 0, "org.example.a.b");
    ask(kBob, 0, "org.example.a-b");
    EXPECT_TRUE(names.holds_below(kAnn, "org.example"));
    EXPECT_TRUE(names.holds_below(kAnn, "org.example.a"));
    EXPECT_TRUE(names.holds_below(kAnn, "org.example.a.b"));
    EXPECT_FALSE(names.holds_below(kAnn, "org.exam"));
    EXPECT_FALSE(names.holds_below(kAnn, "org.example.a.b.c"));
    EXPECT_TRUE(names.holds_below(kBob, "org.example.a-b"));
    EXPECT_FALSE(names.holds_below(kBob, "org.example.a"));
    EXPECT_FALSE(names.holds_below(kCat, "org"));
    EXPECT_FALSE(names.holds_below(kAnn, std::string(bus::kMaxNameBytes, 'x')));
}

TEST_F(Holds, OwnedNamesFollowTheOwner) {
    const NamesOwnedBy ann(names, kAnn);
    EXPECT_TRUE(ann.all().empty());
    ask(kAnn);
    ask(kBob);
    EXPECT_EQ(ann.all().size(), 1U);
    EXPECT_TRUE(ann.contains(kMail));
    give_up(kAnn);
    EXPECT_FALSE(ann.contains(kMail));
    EXPECT_TRUE(ann.all().empty());
}

/// The same rules over plain vectors, without any of the links.
class Model {
public:
    struct Place {
        PeerId peer;
        std::uint32_t flags;
    };

    RequestCode request(PeerId peer, const std::string& name, std::uint32_t flags) {
        auto& queue = queues[name];
        if (queue.empty()) {
            queue.push_back({peer, flags});
            return RequestCode::PrimaryOwner;
        }
        if (queue[0].peer == peer) {
            queue[0].flags = flags;
            return RequestCode::AlreadyOwner;
        }
        const auto mine = std::find_if(queue.begin(), queue.end(),
                                       [peer](const Place& place) { return place.peer == peer; });
        const bool was_queued = mine != queue.end();
        const auto index = mine - queue.begin();
        const bool replace = (flags & kNameReplaceExisting) != 0;
        if (replace && (queue[0].flags & kNameAllowReplacement) != 0) {
            if (was_queued) queue.erase(mine);
            if ((queue[0].flags & kNameDoNotQueue) != 0) queue.erase(queue.begin());
            queue.insert(queue.begin(), {peer, flags});
            return RequestCode::PrimaryOwner;
        }
        if ((flags & kNameDoNotQueue) != 0) {
            if (was_queued) queue.erase(mine);
            return RequestCode::Exists;
        }
        if (was_queued && !replace) {
            queue[static_cast<std::size_t>(index)].flags = flags;
            return RequestCode::InQueue;
        }
        if (was_queued) queue.erase(mine);
        queue.insert(replace ? queue.begin() + 1 : queue.end(), {peer, flags});
        return RequestCode::InQueue;
    }

    void release(PeerId peer, const std::string& name) {
        std::erase_if(queues[name], [peer](const Place& place) { return place.peer == peer; });
    }

    std::map<std::string, std::vector<Place>> queues;
};

TEST_F(Names, AgreeWithAPlainModelOverRandomHistories) {
    const std::vector<std::string> texts = {"a.a", "a.b", "a.b.c", "b.a"};
    std::mt19937 random(7);
    Model model;
    for (int step = 0; step < 20'000; ++step) {
        const PeerId peer{random() % 6};
        const std::string& text = texts[random() % texts.size()];
        switch (random() % 8) {
            case 0:
                names.release_all(peer);
                for (const auto& each : texts)
                    model.release(peer, each);
                break;
            case 1:
            case 2:
                give_up(peer, text);
                model.release(peer, text);
                break;
            default: {
                const std::uint32_t flags = random() % 8;
                const auto before = names.owner_of(text);
                ASSERT_EQ(ask(peer, flags, text), model.request(peer, text, flags)) << step;
                const auto after = names.owner_of(text);
                const auto expected =
                    before == after ? std::nullopt : std::optional(change(before, after, text));
                ASSERT_EQ(last_change, expected) << step;
            }
        }
        for (const auto& each : texts) {
            Queue queue;
            for (const auto& place : model.queues[each])
                queue.push_back(place.peer);
            ASSERT_EQ(names.queue_of(each), queue) << step;
        }
        std::vector<std::string> expected_owned;
        for (const auto& each : texts) {
            if (names.owner_of(each) == peer) expected_owned.push_back(each);
        }
        ASSERT_EQ(owned(peer), expected_owned) << step;
    }
}

TEST_F(Names, AreGoneThroughFromTheOneAskedForLast) {
    constexpr std::string_view kNames[] = {"a.z", "a.a", "a.m"};
    ask(kBob, 0, "a.a");
    for (const auto name : kNames)
        ask(kAnn, 0, name);
    EXPECT_EQ(names.newest_of(kAnn), "a.m");
    EXPECT_EQ(names.before(kAnn, "a.m"), "a.a") << "queued for";
    EXPECT_EQ(names.before(kAnn, "a.a"), "a.z");
    EXPECT_EQ(names.before(kAnn, "a.z"), std::nullopt);
    give_up(kAnn, "a.a");
    EXPECT_EQ(names.before(kAnn, "a.m"), "a.z");
    give_up(kAnn, "a.m");
    EXPECT_EQ(names.newest_of(kAnn), "a.z");
    give_up(kAnn, "a.z");
    EXPECT_EQ(names.newest_of(kAnn), std::nullopt);
    EXPECT_EQ(names.before(kAnn, "a.z"), std::nullopt);
    EXPECT_EQ(names.newest_of(kBob), "a.a");
}

TEST_F(Names, ListHasEachNameOnce) {
    ask(kAnn, 0, "x.B");
    ask(kBob, 0, "x.B");
    ask(kBob, 0, "x.A");
    const auto listed = [this] { return names_in(names.list()); };
    EXPECT_EQ(listed(), (std::multiset<std::string>{"x.A", "x.B"}));
    names.release(kAnn, "x.B");
    EXPECT_EQ(listed(), (std::multiset<std::string>{"x.A", "x.B"})) << "there is another owner";
    ask(kAnn, 0, "x.C");
    names.release(kBob, "x.B");
    EXPECT_EQ(listed(), (std::multiset<std::string>{"x.A", "x.C"}));
    names.release(kAnn, "x.C");
    names.release(kBob, "x.A");
    EXPECT_EQ(listed(), (std::multiset<std::string>{}));
    ask(kBob, 0, "x.A");
    EXPECT_EQ(listed(), (std::multiset<std::string>{"x.A"}));
}

/// Rules on these destinations and on what is below them.
std::vector<policy::PolicyBlock> rules_on(std::initializer_list<const char*> destinations) {
    std::vector<policy::PolicyBlock> blocks(1);
    for (const char* destination : destinations) {
        for (const auto form : {policy::NameForm::Exact, policy::NameForm::Prefix}) {
            policy::SendRule send;
            send.destination = destination;
            send.destination_form = form;
            blocks.front().rules.push_back({policy::Effect::Deny, {}, send});
        }
    }
    return blocks;
}

policy::Vocabulary vocabulary_of(const std::vector<policy::PolicyBlock>& blocks) {
    policy::Vocabulary vocabulary;
    for (const policy::PolicyBlock& block : blocks) {
        for (const policy::Rule& rule : block.rules)
            vocabulary.add(rule);
    }
    return vocabulary;
}

using WordsOf = Names;
using Texts = std::vector<std::string>;

TEST_F(WordsOf, FollowTheNamesHeld) {
    const auto blocks = rules_on({"a.b", "a.b.c", "x.y"});
    const auto vocabulary = vocabulary_of(blocks);
    const auto among = [&vocabulary](std::span<const policy::TextId> ids) {
        Texts texts;
        for (const auto id : ids)
            texts.emplace_back(vocabulary.text(id));
        return texts;
    };
    names.follow(vocabulary);
    EXPECT_EQ(names.words_of(kAnn, vocabulary), nullptr);
    ask(kBob, 0, "a.b.c");
    ask(kAnn, 0, "a.b.c");
    ask(kAnn, 0, "a.b.d");
    ask(kAnn, 0, "not.mentioned");
    const auto* words = names.words_of(kAnn, vocabulary);
    ASSERT_NE(words, nullptr);
    EXPECT_EQ(among(words->names()), Texts{"a.b.c"}) << "queued for it";
    EXPECT_EQ(among(words->prefixes()), (Texts{"a.b", "a.b.c"}));
    give_up(kAnn, "a.b.c");
    EXPECT_EQ(among(words->names()), Texts{});
    EXPECT_EQ(among(words->prefixes()), Texts{"a.b"});
}

TEST_F(WordsOf, AreFoundAgainForOtherRules) {
    ask(kAnn, 0, "a.b.c");
    const auto blocks = rules_on({"a.b.c"});
    const std::vector<policy::PolicyBlock> none;
    const auto old = vocabulary_of(none);
    const auto now = vocabulary_of(blocks);
    names.follow(old);
    EXPECT_TRUE(names.words_of(kAnn, old)->names().empty());
    EXPECT_EQ(names.words_of(kAnn, now), nullptr) << "not those that are followed";
    names.follow(now);
    EXPECT_EQ(names.words_of(kAnn, now)->names().size(), 1U);
    EXPECT_EQ(names.words_of(kAnn, old), nullptr);
}

}  // namespace
}  // namespace buzon::broker
