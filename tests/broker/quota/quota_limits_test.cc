// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/quota_limits.h"

#include <gtest/gtest.h>

#include <vector>

#include "bus/protocol.h"

namespace buzon::broker {
namespace {

/// What one connection of one user can come to hold while nobody else has anything.
std::uint64_t most_of_one(const QuotaLimits& limits, Resource resource) {
    AccountTree tree(limits);
    const auto account = tree.open(UserId{1}, LoneConnection{1});
    return account->account().share(resource).most();
}

/// How many connections one user can come to have while nobody else has any.
std::size_t most_connections(const QuotaLimits& limits) {
    AccountTree tree(limits);
    std::vector<OpenAccount> accounts;
    while (auto account = tree.open(UserId{1}, LoneConnection{accounts.size()}))
        accounts.push_back(std::move(*account));
    return accounts.size();
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

TEST(QuotaLimits, OneUserMayHaveAllConnectionsButNotAllDescriptors) {
    policy::Limits few;
    few.max_completed_connections = 3;
    few.max_incomplete_connections = 2;
    EXPECT_GE(most_connections(quota_limits(few, {}, 20'000)), 5U);
    EXPECT_GE(most_connections(quota_limits(policy::Limits{}, {}, 20'000)), 2048U + 64U);
    const auto most = most_connections(quota_limits(session_limits(), {}, 4096));
    EXPECT_GT(most, 4096U / 2);
    EXPECT_LT(most, 4096U * 7 / 8);
}

TEST(QuotaLimits, TheBusIsAsLargeAsEightMessagesOrAsIsSaid) {
    EXPECT_EQ(quota_limits({}, {}, 1024).pool(Resource::Bytes).capacity, 8U * 33'554'432U);
    EXPECT_EQ(quota_limits(session_limits(), {}, 1024).pool(Resource::Bytes).capacity,
              8U * bus::kMaxMessageBytes);
    policy::Limits own;
    own.max_bus_bytes = 1'000'000;
    EXPECT_EQ(quota_limits(own, {}, 1024).pool(Resource::Bytes).capacity, 1'000'000U);
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
