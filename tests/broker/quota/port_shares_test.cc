// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/port_shares.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <vector>

#include "broker/quota/account_tree.h"
#include "broker/quota/charge.h"

namespace buzon::broker {
namespace {

constexpr PortLimits kLimits{.bytes = 8000,
                             .descriptors = 64,
                             .largest_message_bytes = 4000,
                             .largest_message_descriptors = 16};

QuotaLimits plenty() {
    QuotaLimits limits;
    limits.pools.fill(
        {.capacity = std::uint64_t{1} << 40, .pocket = 0, .pockets = 0, .largest_loan = 0});
    limits.pool(Resource::Connections) = {
        .capacity = 100'000, .pocket = 100, .pockets = 100, .largest_loan = 0};
    return limits;
}

class PortSharesTest : public testing::Test {
protected:
    OpenAccount open(std::uint32_t user, std::uint64_t program) {
        auto account = tree_.open(UserId{user}, CgroupId{program});
        EXPECT_TRUE(account.has_value());
        return std::move(account).value();
    }
    PortCharge taken(const OpenAccount& sender,
                     std::uint64_t bytes,
                     std::uint64_t descriptors = 0) {
        auto charge = port_.charge(sender.account(), bytes, descriptors);
        EXPECT_TRUE(charge.has_value());
        return charge ? std::move(charge).value() : PortCharge();
    }
    /// Sends messages of `size` until one is refused; returns the bytes that fitted.
    std::uint64_t flood(const OpenAccount& sender, std::uint64_t size) {
        std::uint64_t sum = 0;
        for (;;) {
            auto charge = port_.charge(sender.account(), size, 0);
            if (!charge) return sum;
            sum += size;
            flood_.push_back(std::move(charge).value());
        }
    }

    AccountTree tree_{plenty()};
    bus::Ref<PortPools> pools_ = bus::make_ref<PortPools>(kLimits);
    PortShares port_{pools_};
    std::vector<PortCharge> flood_;
};

using PortSharesFree = PortSharesTest;

TEST_F(PortSharesFree, RemembersNobodyWhileAQuarterSuffices) {
    const auto sender = open(1, 1);
    {
        const auto first = taken(sender, 1500, 10);
        const auto second = taken(sender, 500, 6);
        EXPECT_EQ(port_.bytes(), 2000U);
        EXPECT_EQ(port_.descriptors(), 16U);
        EXPECT_EQ(port_.known_senders(), 0U);
        const auto third = taken(sender, 1);
        EXPECT_EQ(port_.known_senders(), 1U);
        EXPECT_EQ(port_.bytes_of(sender.account().id()), 1U);
        EXPECT_EQ(port_.bytes(), 2001U);
    }
    EXPECT_EQ(port_.bytes(), 0U);
    EXPECT_EQ(port_.known_senders(), 0U);
    EXPECT_EQ(port_.verify(), "");
}

TEST_F(PortSharesTest, FloodLeavesRoomForOthers) {
    const auto flooder = open(1, 1);
    const auto much = flood(flooder, 10);
    EXPECT_GT(much, 8000U / 3);
    EXPECT_LT(much, 8000U / 2);
    EXPECT_FALSE(port_.is_full());

    const auto program = open(1, 2);
    const auto user = open(2, 1);
    const auto of_program = taken(program, 100);
    const auto of_user = taken(user, 100, 2);
    EXPECT_EQ(port_.known_senders(), 3U);
    for (const auto& holding : port_.holdings()) {
        EXPECT_EQ(holding.bytes, port_.bytes_of(holding.connection));
        EXPECT_EQ(holding.descriptors, port_.descriptors_of(holding.connection));
    }
    EXPECT_EQ(port_.holdings().size(), 3U);
    EXPECT_EQ(port_.bytes_of(program.account().id()), 100U);
    EXPECT_EQ(port_.bytes_of(user.account().parent()->id()), 100U);
    EXPECT_EQ(port_.descriptors_of(user.account().id()), 2U) << "all of a message is in one part";
    EXPECT_EQ(port_.verify(), "");
}

TEST_F(PortSharesTest, SaysWhoHoldsTooMuch) {
    const auto flooder = open(1, 1);
    flood(flooder, 10);
    const auto own = port_.check(flooder.account(), 10, 0);
    ASSERT_TRUE(own.has_value());
    EXPECT_EQ(own->level, Level::Connection);
    EXPECT_EQ(own->limit, 6000U) << "what is shared";

    const auto sibling = open(1, 1);
    flood(sibling, 1);
    const auto refused = port_.check(sibling.account(), 100, 0);
    ASSERT_TRUE(refused.has_value());
    EXPECT_EQ(refused->level, Level::Connection);
    EXPECT_EQ(refused->sharers, 2U);
    EXPECT_EQ(describe(*refused), "100 more bytes: the connection holds " +
                                      std::to_string(refused->held) +
                                      " of 6000 that 2 share in the queue of the receiver");
    EXPECT_EQ(port_.verify(), "");
}

TEST_F(PortSharesTest, RefusedDescriptorsLeaveNoBytesCharged) {
    const auto sender = open(1, 1);
    std::vector<PortCharge> charges;
    while (!port_.check(sender.account(), 1, 1))
        charges.push_back(taken(sender, 1, 1));
    const auto before = port_.bytes();
    const auto refused = port_.charge(sender.account(), 1, 1);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().resource, Resource::Descriptors);
    EXPECT_EQ(port_.bytes(), before);
    EXPECT_EQ(port_.descriptors(), charges.size());
}

TEST_F(PortSharesTest, OneLargeMessageFitsWhereThePrincipalHasNothing) {
    const auto flooder = open(1, 1);
    flood(flooder, 10);
    const auto other = open(1, 2);
    const auto large = taken(other, 4000);
    EXPECT_TRUE(port_.check(other.account(), 2000, 0).has_value());
    EXPECT_TRUE(port_.check(open(1, 3).account(), 2000, 0).has_value()) << "one for each user";
    EXPECT_FALSE(port_.check(open(2, 3).account(), 2000, 0).has_value());
    EXPECT_EQ(port_.verify(), "");
}

TEST_F(PortSharesTest, ForceGoesBeyondTheShareUpToTheBound) {
    const auto sender = open(1, 1);
    flood(sender, 10);
    std::vector<PortCharge> more;
    while (!port_.is_full())
        more.push_back(port_.force(sender.account(), 10, 0));
    EXPECT_EQ(port_.bytes(), 8000U);
    EXPECT_EQ(port_.verify(), "");
    more.clear();
    flood_.clear();
    EXPECT_GT(flood(sender, 10), 2000U);
}

TEST_F(PortSharesTest, OutlivesItsSenders) {
    std::vector<PortCharge> charges;
    const auto flooder = open(1, 1);
    flood(flooder, 10);
    for (std::uint64_t i = 0; i < 20; ++i)
        charges.push_back(taken(open(2, 100 + i), 1));
    EXPECT_EQ(tree_.bus().open_connections(), 1U);
    EXPECT_EQ(port_.known_senders(), 21U);
    EXPECT_EQ(port_.verify(), "");
    charges.clear();
    EXPECT_EQ(port_.known_senders(), 1U);
}

TEST_F(PortSharesTest, ChargesOfTheSameKindAreOneReceipt) {
    const auto first = open(1, 1);
    const auto second = open(1, 2);
    auto free = taken(first, 1990, 1);
    auto more = taken(second, 10, 2);
    EXPECT_TRUE(free.absorb(more));
    EXPECT_EQ(free.bytes(), 2000U);
    EXPECT_EQ(free.descriptors(), 3U);
    EXPECT_EQ(more.bytes(), 0U);
    auto share = taken(first, 5);
    auto same = taken(first, 6);
    auto other = taken(second, 7);
    EXPECT_FALSE(free.absorb(share));
    EXPECT_TRUE(share.absorb(same));
    EXPECT_FALSE(share.absorb(other));
    EXPECT_EQ(share.bytes(), 11U);
    EXPECT_EQ(port_.bytes(), 2018U);
    share = std::move(other);
    EXPECT_EQ(port_.bytes(), 2007U);
}

TEST_F(PortSharesTest, ReloadTakesEffectAtOnceForTheFreePartAndLaterForShares) {
    const auto sender = open(1, 1);
    flood(sender, 10);
    port_.set_pools(bus::make_ref<PortPools>(
        PortLimits{.bytes = 400, .descriptors = 4, .largest_message_bytes = 10}));
    EXPECT_TRUE(port_.is_full());
    EXPECT_TRUE(port_.check(sender.account(), 10, 0).has_value());
    flood_.clear();
    EXPECT_LT(flood(sender, 10), 200U);
    EXPECT_EQ(port_.verify(), "");
}

// --- random histories ---------------------------------------------------------------------------

class History {
public:
    explicit History(std::uint64_t seed)
        : random_(seed), tree_(plenty()), port_(bus::make_ref<PortPools>(choose_limits())) {
        for (int i = 0; i < 12; ++i)
            accounts_.push_back(
                tree_.open(UserId{static_cast<std::uint32_t>(below(3))}, CgroupId{below(4)})
                    .value());
    }
    void run(int steps) {
        for (int i = 0; i < steps && !testing::Test::HasFatalFailure(); ++i) {
            step();
            ASSERT_EQ(port_.verify(), "");
            check_sums();
        }
        charges_.clear();
        ASSERT_EQ(port_.bytes(), 0U);
        ASSERT_EQ(port_.descriptors(), 0U);
        ASSERT_EQ(port_.known_senders(), 0U);
        ASSERT_EQ(port_.verify(), "");
    }

private:
    std::uint64_t below(std::uint64_t end) { return random_() % end; }
    PortLimits choose_limits() {
        limits_ = {.bytes = 100 + below(1 << 20), .descriptors = below(200)};
        limits_.largest_message_bytes = limits_.bytes / 4;
        limits_.largest_message_descriptors = limits_.descriptors / 4;
        return limits_;
    }
    void step() {
        if (below(3) > 0) {
            const auto& account = accounts_[below(accounts_.size())].account();
            const auto bytes = 1 + (below(limits_.bytes) >> below(16));
            const auto descriptors = below(3) == 0 ? below(4) : 0;
            const bool fits = !port_.check(account, bytes, descriptors);
            auto charge = port_.charge(account, bytes, descriptors);
            ASSERT_EQ(charge.has_value(), fits);
            if (charge) charges_.push_back(std::move(charge).value());
        } else if (!charges_.empty()) {
            std::swap(charges_[below(charges_.size())], charges_.back());
            charges_.pop_back();
        }
    }
    void check_sums() {
        std::uint64_t bytes = 0;
        std::uint64_t descriptors = 0;
        for (const auto& charge : charges_) {
            bytes += charge.bytes();
            descriptors += charge.descriptors();
        }
        ASSERT_EQ(port_.bytes(), bytes);
        ASSERT_EQ(port_.descriptors(), descriptors);
        ASSERT_LE(bytes, limits_.bytes + 3 * limits_.largest_message_bytes);
        ASSERT_LE(descriptors, limits_.descriptors + 3 * limits_.largest_message_descriptors);
    }

    std::mt19937_64 random_;
    PortLimits limits_;
    AccountTree tree_;
    PortShares port_;
    std::vector<OpenAccount> accounts_;
    std::vector<PortCharge> charges_;
};

TEST(PortShares, AgreeWithTheirChargesInAnyHistory) {
    const char* const chosen = std::getenv("BUZON_PORT_SHARES_SEED");
    const std::uint64_t first = chosen ? std::strtoull(chosen, nullptr, 10) : 1;
    const std::uint64_t last = chosen ? first : 500;
    for (auto seed = first; seed <= last; ++seed) {
        SCOPED_TRACE(testing::Message() << "BUZON_PORT_SHARES_SEED=" << seed);
        History history(seed);
        history.run(150);
        if (HasFatalFailure()) return;
    }
}

}  // namespace
}  // namespace buzon::broker
