// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/holdings.h"

#include <gtest/gtest.h>

#include "broker/quota/account_tree.h"

namespace buzon::broker {
namespace {

QuotaLimits limits() {
    QuotaLimits limits;
    for (auto& pool : limits.pools)
        pool = {.capacity = 1000};
    return limits;
}

class HoldingsTest : public testing::Test {
protected:
    [[nodiscard]] std::uint64_t held(Resource resource) const { return tree_.bus().held(resource); }

    AccountTree tree_{limits()};
    OpenAccount account_ = std::move(*tree_.open(UserId{1}, LoneConnection{1}));
    Holdings holdings_{account_.payer()};
};

TEST_F(HoldingsTest, FollowNumbersUpAndDown) {
    for (const std::uint64_t count : {3U, 7U, 2U, 0U, 5U}) {
        EXPECT_FALSE(holdings_.cover(Resource::Names, count));
        EXPECT_EQ(held(Resource::Names), count);
    }
    EXPECT_EQ(held(Resource::MatchRules), 0U);
}

TEST_F(HoldingsTest, ChargeRepliesInAdvanceAndNeverTooFew) {
    for (std::uint64_t count = 0; count < 60; ++count) {
        EXPECT_FALSE(holdings_.cover(Resource::PendingReplies, count));
        EXPECT_GE(held(Resource::PendingReplies), count);
        EXPECT_LT(held(Resource::PendingReplies), count + 16);
    }
    EXPECT_FALSE(holdings_.cover(Resource::PendingReplies, 50));
    EXPECT_EQ(held(Resource::PendingReplies), 64U) << "they will be back soon";
    EXPECT_FALSE(holdings_.cover(Resource::PendingReplies, 1));
    EXPECT_EQ(held(Resource::PendingReplies), 16U);
}

TEST_F(HoldingsTest, KeepWhatTheyHadWhenMoreIsRefused) {
    EXPECT_FALSE(holdings_.cover(Resource::MatchRules, 10));
    const auto refused = holdings_.cover(Resource::MatchRules, 1001);
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->resource, Resource::MatchRules);
    EXPECT_EQ(held(Resource::MatchRules), 10U);
}

TEST_F(HoldingsTest, EndWithTheirOwner) {
    {
        Holdings others(account_.payer());
        EXPECT_FALSE(others.cover(Resource::Names, 5));
        EXPECT_EQ(held(Resource::Names), 5U);
    }
    EXPECT_EQ(held(Resource::Names), 0U);
}

}  // namespace
}  // namespace buzon::broker
