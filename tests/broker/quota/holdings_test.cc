// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/holdings.h"

#include <gtest/gtest.h>

#include "broker/quota/account_tree.h"

namespace buzon::broker {
namespace {

QuotaLimits limits(std::uint64_t bytes) {
    QuotaLimits limits;
    for (auto& pool : limits.pools)
        pool = {.capacity = 1000};
    limits.pool(Resource::Bytes) = {.capacity = bytes};
    return limits;
}

class HoldingsTest : public testing::Test {
protected:
    [[nodiscard]] std::uint64_t held(Resource resource) const { return tree_.bus().held(resource); }

    AccountTree tree_{limits(1'000'000)};
    OpenAccount account_ = std::move(*tree_.open(UserId{1}, LoneConnection{1}));
    Holdings holdings_{account_.payer()};
    // Of bytes a lone account gets a fifth, and seven eighths as an overdraft.
    AccountTree small_tree_{limits(40'000)};
    OpenAccount small_account_ = std::move(*small_tree_.open(UserId{1}, LoneConnection{1}));
    Holdings small_{small_account_.payer()};
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

TEST_F(HoldingsTest, ReserveAnErrorForEachReply) {
    ASSERT_FALSE(small_.cover(Resource::PendingReplies, 17));
    EXPECT_EQ(small_tree_.bus().held(Resource::Bytes), 32 * Holdings::kBytesPerError);
    small_.lower(Resource::PendingReplies, 0);
    EXPECT_EQ(small_tree_.bus().held(Resource::Bytes), 0U);
}

TEST_F(HoldingsTest, AwaitNoReplyWhereThereIsNoRoomForAnError) {
    ASSERT_FALSE(small_.cover(Resource::PendingReplies, 16));
    const auto refused = small_.cover(Resource::PendingReplies, 160);
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->resource, Resource::Bytes);
    EXPECT_EQ(small_tree_.bus().held(Resource::PendingReplies), 16U);
    EXPECT_EQ(small_tree_.bus().held(Resource::Bytes), 16 * Holdings::kBytesPerError);
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
