// SPDX-License-Identifier: Apache-2.0
#include "broker/wait_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <utility>
#include <vector>

namespace buzon::broker {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

constexpr PeerId id(std::uint64_t number) {
    return PeerId{number};
}

TEST(WaitGraph, KeepsSendersInTheOrderInWhichTheyCame) {
    WaitGraph graph;
    EXPECT_TRUE(graph.add(id(1), id(9)));
    EXPECT_TRUE(graph.add(id(2), id(9)));
    EXPECT_FALSE(graph.add(id(1), id(9)));
    EXPECT_EQ(graph.first_waiting_for(id(9)), id(1));
    graph.send_to_the_end(id(1), id(9));
    EXPECT_EQ(graph.first_waiting_for(id(9)), id(2));
    EXPECT_TRUE(graph.remove(id(2), id(9)));
    EXPECT_FALSE(graph.remove(id(2), id(9)));
    EXPECT_EQ(graph.first_waiting_for(id(9)), id(1));
    EXPECT_TRUE(graph.remove(id(1), id(9)));
    EXPECT_EQ(graph.first_waiting_for(id(9)), std::nullopt);
    EXPECT_EQ(graph.receiver_count(), 0U);
}

TEST(WaitGraph, GoesRoundTheReceiversInPieces) {
    WaitGraph graph;
    for (std::uint64_t receiver = 1; receiver <= 5; ++receiver)
        graph.add(id(10), id(receiver));
    EXPECT_THAT(graph.receivers_behind(id(0), 2), ElementsAre(id(1), id(2)));
    EXPECT_THAT(graph.receivers_behind(id(4), 3), ElementsAre(id(5), id(1), id(2)));
    EXPECT_THAT(graph.receivers_behind(id(4), 99).size(), 5U);
    EXPECT_THAT(graph.receivers_of(id(10)),
                UnorderedElementsAre(id(1), id(2), id(3), id(4), id(5)));
}

TEST(WaitGraph, FollowsWaitsThroughOthers) {
    WaitGraph graph;
    for (std::uint64_t peer = 1; peer < 50; ++peer)
        graph.add(id(peer), id(peer + 1));
    EXPECT_TRUE(graph.leads_to(id(1), id(50)));
    EXPECT_FALSE(graph.leads_to(id(50), id(1)));
    graph.remove(id(20), id(21));
    EXPECT_FALSE(graph.leads_to(id(1), id(50)));
    graph.add(id(30), id(25));
    EXPECT_FALSE(graph.leads_to(id(21), id(1))) << "and a circle of others is no trap";
}

TEST(WaitGraph, FindsADirectWaitAmongManyInOneStep) {
    WaitGraph graph;
    for (std::uint64_t receiver = 1; receiver <= 10'000; ++receiver)
        graph.add(id(0), id(receiver));
    EXPECT_TRUE(graph.leads_to(id(0), id(9'999)));
    EXPECT_EQ(graph.steps(), 1U);
}

TEST(WaitGraph, FindsALongCircle) {
    WaitGraph graph;
    for (std::uint64_t peer = 1; peer < 3000; ++peer)
        graph.add(id(peer), id(peer + 1));
    EXPECT_TRUE(graph.leads_to(id(1), id(3000)));
}

TEST(WaitGraph, LooksAtABoundedNumberHoweverManyWait) {
    WaitGraph graph;
    for (std::uint64_t sender = 0; sender < 10'000; ++sender)
        for (std::uint64_t distance = 1; distance < 20; distance += 3)
            graph.add(id(sender), id((sender + distance) % 10'000));
    graph.add(id(20'000), id(5));
    const auto before = graph.steps();
    for (std::uint64_t sender = 0; sender < 100; ++sender)
        (void)graph.leads_to(id(20'000), id(sender));
    EXPECT_LE(graph.steps() - before, 100 * (WaitGraph::kMostFollowed + 1));
}

// A broadcast to many without room asks about each of them.
TEST(WaitGraph, LooksOnceForAllThatMayLeadToTheSame) {
    WaitGraph graph;
    for (std::uint64_t peer = 1; peer <= 1000; ++peer) {
        graph.add(id(peer), id(9'999));
        graph.add(id(9'999), id(0));
    }
    for (std::uint64_t peer = 1; peer <= 1000; ++peer) {
        EXPECT_TRUE(graph.leads_to(id(peer), id(0)));
        graph.add(id(0), id(peer));
    }
    EXPECT_LE(graph.steps(), 3'000U);
}

using Waits = std::set<std::pair<std::uint64_t, std::uint64_t>>;

/// The same, searched the plain way.
bool leads_to(const Waits& waits, std::uint64_t from, std::uint64_t to) {
    std::set<std::uint64_t> seen;
    std::vector<std::uint64_t> next{from};
    while (!next.empty()) {
        const std::uint64_t at = next.back();
        next.pop_back();
        for (const auto& [sender, receiver] : waits) {
            if (sender != at) continue;
            if (receiver == to) return true;
            if (seen.insert(receiver).second) next.push_back(receiver);
        }
    }
    return false;
}

TEST(WaitGraph, AgreesWithASetInAnyHistory) {
    WaitGraph graph;
    Waits model;
    std::mt19937 random(7);
    for (int i = 0; i < 20'000; ++i) {
        const std::uint64_t sender = random() % 12;
        const std::uint64_t receiver = random() % 12;
        if (random() % 2 == 0) {
            EXPECT_EQ(graph.add(id(sender), id(receiver)), model.emplace(sender, receiver).second);
        } else {
            EXPECT_EQ(graph.remove(id(sender), id(receiver)), model.erase({sender, receiver}) == 1);
        }
        std::set<std::uint64_t> receivers;
        std::size_t waiting = 0;
        for (const auto& [from, to] : model) {
            if (from == sender) receivers.insert(to);
            if (to == receiver) ++waiting;
        }
        std::set<std::uint64_t> found;
        for (const PeerId each : graph.receivers_of(id(sender)))
            found.insert(static_cast<std::uint64_t>(each));
        ASSERT_EQ(found, receivers);
        const std::uint64_t target = random() % 12;
        ASSERT_EQ(graph.leads_to(id(sender), id(target)), leads_to(model, sender, target));
        ASSERT_EQ(graph.count_waiting_for(id(receiver)), waiting);
    }
}

}  // namespace
}  // namespace buzon::broker
