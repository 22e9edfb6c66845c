// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/quota_limits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <vector>

#include "broker/quota/shares.h"
#include "bus/protocol.h"

namespace buzon::broker {
namespace {

/// What one connection of one user can come to hold while nobody else has anything.
std::uint64_t most_of_one(const QuotaLimits& limits, Resource resource) {
    AccountTree tree(limits);
    const auto account = tree.open(UserId{1}, LoneConnection{1});
    return account->account().share(resource).most();
}

/// All connections that one program gets; returns how many.
std::size_t open_all(AccountTree& tree,
                     UserId user,
                     std::uint64_t program,
                     std::vector<OpenAccount>& connections) {
    const auto before = connections.size();
    while (auto account = tree.open(user, LoneConnection{program}))
        connections.push_back(std::move(*account));
    return connections.size() - before;
}

/// How many connections one program can come to have while nobody else has any.
std::size_t most_connections(const QuotaLimits& limits) {
    AccountTree tree(limits);
    std::vector<OpenAccount> connections;
    return open_all(tree, UserId{1}, 1, connections);
}

policy::Limits session_limits() {
    policy::Limits limits;
    limits.max_message_size = 1'000'000'000;
    limits.max_completed_connections = 100'000;
    limits.max_incomplete_connections = 10'000;
    limits.max_match_rules_per_connection = 50'000;
    limits.max_names_per_connection = 50'000;
    limits.max_replies_per_connection = 50'000;
    return limits;
}

TEST(QuotaLimits, ALoneConnectionMayUseWhatTheConfigurationAllowsIt) {
    for (const auto& limits : {policy::Limits{}, session_limits()}) {
        const auto quota = quota_limits(limits, {}, 20'000);
        EXPECT_GE(most_of_one(quota, Resource::Bytes), longest_message(limits));
        EXPECT_GE(most_of_one(quota, Resource::MatchRules), limits.max_match_rules_per_connection);
        EXPECT_GE(most_of_one(quota, Resource::Names), limits.max_names_per_connection);
        EXPECT_GE(most_of_one(quota, Resource::PendingReplies), limits.max_replies_per_connection);
    }
}

TEST(QuotaLimits, OneProgramMayHaveAllConnectionsButNotAllDescriptors) {
    policy::Limits few;
    few.max_completed_connections = 3;
    few.max_incomplete_connections = 2;
    EXPECT_GE(most_connections(quota_limits(few, {}, 20'000)), 5U);
    EXPECT_GE(most_connections(quota_limits(policy::Limits{}, {}, 20'000)), 2048U + 64U);
    EXPECT_GT(most_connections(quota_limits(session_limits(), {}, 20'000)), 10'100U);
    const auto most = most_connections(quota_limits(session_limits(), {}, 4096));
    EXPECT_GT(most, 1500U);
    EXPECT_LT(most, 4096U * 7 / 8);
}

TEST(QuotaLimits, AsManyProgramsAsConnectionsGetInWhereThereAreDescriptors) {
    AccountTree tree(quota_limits(policy::Limits{}, {}, 20'000));
    std::vector<OpenAccount> connections;
    for (std::uint64_t program = 0; program < 2048 + 64; ++program) {
        auto account = tree.open(UserId{1}, LoneConnection{program});
        ASSERT_TRUE(account) << program;
        connections.push_back(std::move(*account));
    }
}

constexpr std::uint64_t kDescriptorLimits[] = {64,     128,    1024,   4096,
                                               16'384, 20'000, 65'536, 1'048'576};

TEST(QuotaLimits, ConnectionsAndMessagesShareTheDescriptorsThatThereAre) {
    for (const auto descriptors : kDescriptorLimits) {
        for (const auto& limits : {policy::Limits{}, session_limits()}) {
            auto quota = quota_limits(limits, {}, descriptors);
            EXPECT_LE(quota.pool(Resource::Connections).capacity +
                          quota.pool(Resource::Descriptors).capacity,
                      std::max<std::uint64_t>(descriptors - 64, 64));
        }
    }
}

TEST(QuotaLimits, ALoneProgramGetsMoreThanHalfOfThePlacesThatAreNotKept) {
    for (const auto descriptors : {1024U, 4096U, 20'000U, 65'536U}) {
        auto quota = quota_limits(session_limits(), {}, descriptors);
        const auto& pool = quota.pool(Resource::Connections);
        EXPECT_GT(most_connections(quota), (pool.capacity - pool.pocket * pool.pockets) / 2);
    }
}

TEST(QuotaLimits, WhateverProgramsHaveTakenTheNextOnesGetIn) {
    for (const std::uint64_t descriptors : {1024U, 4096U, 20'000U, 65'536U}) {
        AccountTree tree(quota_limits(session_limits(), {}, descriptors));
        std::vector<OpenAccount> connections;
        for (std::uint64_t program = 0; program < 250; ++program)
            ASSERT_GE(open_all(tree, UserId{1}, program, connections), 2U) << descriptors;
        for (std::uint64_t program = 250; program < 253; ++program)
            EXPECT_GE(open_all(tree, UserId{1}, program, connections), 2U) << descriptors;
        EXPECT_GE(open_all(tree, UserId{2}, 1, connections), 2U) << "another user's";
        EXPECT_LE(connections.size(), descriptors - 64);
        EXPECT_EQ(tree.verify(), "");
    }
}

/// Programs of three users come and go, and some take all they can get.
class Crowd {
public:
    explicit Crowd(std::uint64_t seed)
        : random_(seed),
          descriptors_(kDescriptorLimits[below(6)]),
          tree_(quota_limits(session_limits(), {}, descriptors_)) {}

    void run(int steps) {
        for (int i = 0; i < steps && !testing::Test::HasFatalFailure(); ++i) {
            const UserId user{static_cast<std::uint32_t>(below(3))};
            const std::uint64_t program = below(600);
            if (below(4) == 0) {
                shrink(below(connections_.size() + 1));
            } else if (below(8) == 0) {
                open_all(tree_, user, program, connections_);
            } else {
                open(user, program);
            }
            ASSERT_LE(connections_.size(), std::max<std::uint64_t>(descriptors_ - 64, 64) + 3)
                << "but for loans";
        }
        ASSERT_EQ(tree_.verify(), "");
    }

private:
    std::uint64_t below(std::uint64_t end) { return random_() % end; }
    /// One more for this program, or several; all that are promised to it.
    void open(UserId user, std::uint64_t program) {
        auto first = tree_.open(user, LoneConnection{program});
        if (!first) return;
        const Share& share = first->account().parent()->share(Resource::Connections);
        connections_.push_back(std::move(*first));
        ASSERT_GE(share.most(), promised(share));
        for (auto count = below(20); count > 0 && share.held() < promised(share); --count) {
            auto next = tree_.open(user, LoneConnection{program});
            ASSERT_TRUE(next) << share.held() << " of " << promised(share);
            connections_.push_back(std::move(*next));
        }
    }
    void shrink(std::size_t count) {
        for (; connections_.size() > count; connections_.pop_back())
            std::swap(connections_[below(connections_.size())], connections_.back());
    }
    /// The formula for places of shares.h.
    static std::uint64_t promised(const Share& program) {
        const auto rank = [](const Share& share) {
            return share.parent()->sharers() + (share.claim() > 0 ? 0 : 1);
        };
        const Share& user = *program.parent();
        const int step = kTopStep - kPlacesOfUsers.cost_among(rank(user)) -
                         kPlacesOfPrograms.cost_among(rank(program));
        const auto& pool = program.pool();
        return (program.has_pocket() ? pool.limits().pocket : 0) +
               (step > 0 ? pool.scale().top_of(static_cast<Step>(step)) : 0);
    }

    std::mt19937_64 random_;
    std::uint64_t descriptors_;
    AccountTree tree_;
    std::vector<OpenAccount> connections_;
};

TEST(QuotaLimits, KeepWhatTheyPromiseOfPlacesInAnyHistory) {
    const char* const chosen = std::getenv("BUZON_PLACES_SEED");
    const std::uint64_t first = chosen ? std::strtoull(chosen, nullptr, 10) : 1;
    const std::uint64_t last = chosen ? first : 60;
    for (auto seed = first; seed <= last; ++seed) {
        SCOPED_TRACE(testing::Message() << "BUZON_PLACES_SEED=" << seed);
        Crowd(seed).run(200);
        if (HasFatalFailure()) return;
    }
}

TEST(QuotaLimits, TheBusIsAsLargeAsEightMessagesWithinBoundsOrAsIsSaid) {
    EXPECT_EQ(quota_limits({}, {}, 1024).pool(Resource::Bytes).capacity, 8U * 33'554'432U);
    EXPECT_EQ(quota_limits(session_limits(), {}, 1024).pool(Resource::Bytes).capacity,
              896U * 1'048'576U);
    policy::Limits own;
    own.max_bus_bytes = 1'000'000;
    EXPECT_EQ(quota_limits(own, {}, 1024).pool(Resource::Bytes).capacity, 1'000'000U);
}

TEST(QuotaLimits, OneProgramMakesASessionBusGrowByLessThanAQuarterOfAGibibyte) {
    constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;
    constexpr std::uint64_t kBesideMessages = 35 * kMebibyte;
    constexpr std::uint64_t kConnections = 250;
    const auto bytes = quota_limits(session_limits(), {}, 1024).pool(Resource::Bytes);
    const SharePool pool(bytes);
    const Step alone = kTopStep - kWideTiers.cost_among(1) - kWideTiers.cost_among(1);
    EXPECT_LE(pool.scale().top_of(alone) + kConnections * bytes.pocket,
              256 * kMebibyte - kBesideMessages);
    EXPECT_GE(pool.scale().top_of(alone - kNarrowTiers.cost_among(1)), bus::kMaxMessageBytes)
        << "the longest message fits into the share of a lone connection";
}

TEST(QuotaLimits, SurviveTheSmallestOfEverything) {
    policy::Limits none;
    none.max_message_size = 0;
    none.max_completed_connections = none.max_incomplete_connections = 0;
    none.max_pending_service_starts = 0;
    none.max_bus_bytes = 1;
    const auto quota = quota_limits(none, {}, 0);
    EXPECT_GE(most_connections(quota), 1U);
}

}  // namespace
}  // namespace buzon::broker
