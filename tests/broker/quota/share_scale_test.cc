// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/share_scale.h"

#include <gtest/gtest.h>

#include <random>

namespace buzon::broker {
namespace {

TEST(ShareScale, HalvesTheCapacityEightStepsBelow) {
    const ShareScale scale(1 << 20);
    EXPECT_EQ(scale.capacity(), 1U << 20);
    EXPECT_EQ(scale.top_of(kTopStep), 1U << 20);
    EXPECT_EQ(scale.top_of(kTopStep - 8), 1U << 19);
    EXPECT_EQ(scale.top_of(kTopStep - 80), 1U << 10);
    EXPECT_EQ(scale.top_of(kTopStep - 4), 741'455U);  // 2^19.5, rounded down
    EXPECT_EQ(scale.top_of(0), 0U);
    EXPECT_EQ(scale.top_of(kBeyond), 1U << 20);
}

TEST(ShareScale, FindsTheLowestStepThatAllowsAnAmount) {
    constexpr std::uint64_t kCapacities[] = {
        0, 1, 2, 63, 1000, 133'169'152, std::uint64_t{1} << 62};
    std::mt19937_64 random(1);
    for (const auto capacity : kCapacities) {
        const ShareScale scale(capacity);
        EXPECT_EQ(scale.step_of(0), 0);
        EXPECT_EQ(scale.step_of(capacity + 1), kBeyond);
        for (int i = 0; i < 1000 && capacity > 0; ++i) {
            const auto amount = 1 + (random() % capacity >> (random() % 62));
            const Step step = scale.step_of(amount);
            ASSERT_GE(scale.top_of(step), amount) << capacity;
            ASSERT_LT(scale.top_of(static_cast<Step>(step - 1)), amount) << capacity;
        }
    }
}

TEST(Tiers, CostMoreTheMoreShareTogether) {
    for (const auto* tiers : {&kWideTiers, &kNarrowTiers, &kPlacesOfUsers, &kPlacesOfPrograms}) {
        for (std::size_t n = 1; n < 3000; ++n)
            ASSERT_LE(tiers->cost_among(n), tiers->cost_among(n + 1));
        EXPECT_EQ(tiers->cost_among(Tiers::kMostSharers), tiers->cost.back());
        EXPECT_EQ(tiers->cost_among(Tiers::kMostSharers + 1), kBeyond);
    }
}

/// What the essay of shares.h says, in numbers.
TEST(Tiers, GuaranteeMoreThanOneInNSquaredWhereManyShare) {
    constexpr std::uint64_t kCapacity = std::uint64_t{1} << 50;
    const ShareScale scale(kCapacity);
    EXPECT_EQ(scale.top_of(kTopStep - kWideTiers.cost_among(1)), kCapacity / 2);
    for (std::size_t n = 1; n <= Tiers::kMostSharers; ++n) {
        const auto part = scale.top_of(static_cast<Step>(kTopStep - kWideTiers.cost_among(n)));
        ASSERT_GE(part, kCapacity / (64 * n)) << n;
        const auto squared = kCapacity / (n * (n + 1));
        const bool is_larger = n == 7 || (n >= 13 && n <= 15) || (n >= 23 && n <= 31) || n >= 36;
        ASSERT_EQ(part > squared, is_larger) << n;
        ASSERT_GT(part * 5, squared * 2) << n;
    }
}

TEST(Tiers, OfPlacesGiveTheFirstMostAndTheManyEqualParts) {
    constexpr std::uint64_t kCapacity = std::uint64_t{1} << 30;
    const ShareScale scale(kCapacity);
    const auto part = [&](const Tiers& tiers, std::size_t n) {
        return scale.top_of(static_cast<Step>(kTopStep - tiers.cost_among(n)));
    };
    EXPECT_GT(part(kPlacesOfUsers, 1), kCapacity * 9 / 10);
    EXPECT_GT(part(kPlacesOfPrograms, 1), kCapacity * 7 / 10);
    for (std::size_t n = 2; n < 1024; n *= 2) {
        EXPECT_EQ(part(kPlacesOfPrograms, n), kCapacity / 32 / n) << n;
        if (n < 256) {
            EXPECT_GT(part(kPlacesOfUsers, n), kCapacity / 96 / n) << n;
        }
    }
}

}  // namespace
}  // namespace buzon::broker
