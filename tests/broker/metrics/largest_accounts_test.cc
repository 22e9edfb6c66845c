// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/largest_accounts.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "broker/quota/charge.h"

namespace buzon::broker {
namespace {

QuotaLimits limits() {
    QuotaLimits limits;
    limits.pools.fill(
        {.capacity = 10'000'000, .pocket = 100, .pockets = 10'000, .largest_loan = 0});
    limits.pool(Resource::Names).capacity = 1'100'000;
    return limits;
}

class LargestAccountsTest : public testing::Test {
protected:
    struct Holder {
        OpenAccount account;
        std::vector<Charge> charges;
    };

    void hold(std::uint32_t user,
              std::uint64_t program,
              std::uint64_t amount,
              Resource resource = Resource::Bytes) {
        auto account = accounts_.open(UserId{user}, ProcessInode{program});
        ASSERT_TRUE(account);
        auto charge = Charge::take(account->payer(), resource, amount);
        ASSERT_TRUE(charge);
        auto& holder = holders_.emplace_back();
        holder.account = std::move(*account);
        holder.charges.push_back(std::move(*charge));
    }
    /// Returns how many parts that took.
    int find() {
        int parts = 1;
        while (!largest_.advance(accounts_, peers_))
            ++parts;
        return parts;
    }
    [[nodiscard]] std::vector<std::uint32_t> users() const {
        std::vector<std::uint32_t> users;
        for (const AccountFigures& figures : largest_.users())
            users.push_back(static_cast<std::uint32_t>(figures.user));
        return users;
    }

    AccountTree accounts_{limits()};
    PeerRegistry peers_;
    std::vector<Holder> holders_;
    LargestAccounts largest_;
};

TEST_F(LargestAccountsTest, AreNoneOnAnEmptyBus) {
    find();
    EXPECT_TRUE(largest_.users().empty());
    EXPECT_TRUE(largest_.programs().empty());
}

TEST_F(LargestAccountsTest, AddUpWhatTheProgramsOfAUserHold) {
    hold(1, 11, 40);
    hold(1, 12, 30);
    hold(2, 21, 60);
    find();
    EXPECT_EQ(users(), (std::vector<std::uint32_t>{1, 2}));
    EXPECT_EQ(largest_.users()[0].held[0], 70U);
    EXPECT_FALSE(largest_.users()[0].program);

    ASSERT_EQ(largest_.programs().size(), 3U);
    EXPECT_EQ(largest_.programs()[0].user, UserId{2});
    EXPECT_EQ(largest_.programs()[0].program, PrincipalKey(ProcessInode{21}));
    EXPECT_EQ(largest_.programs()[0].held[0], 60U);
    EXPECT_EQ(largest_.programs()[0].process, nullptr) << "none of its peers is known";
}

TEST_F(LargestAccountsTest, RankByThePartOfWhatThereIsOfAResource) {
    hold(1, 11, 90, Resource::Bytes);
    hold(2, 21, 20, Resource::Names);  // of a tenth as many
    find();
    EXPECT_EQ(users(), (std::vector<std::uint32_t>{2, 1}));
}

TEST_F(LargestAccountsTest, AreTheTenLargestOfManyFoundInParts) {
    for (std::uint32_t i = 0; i < 1000; ++i)
        hold(i, i, 1 + (i * 7) % 97);
    hold(5000, 5000, 100);
    EXPECT_GE(find(), 2 * 1000 / static_cast<int>(LargestAccounts::kLooksPerTurn));
    EXPECT_EQ(largest_.users().size(), LargestAccounts::kShown);
    EXPECT_EQ(largest_.users()[0].user, UserId{5000});
    EXPECT_EQ(largest_.users()[9].held[0], 97U) << "of which there are ten";
    EXPECT_EQ(largest_.programs().size(), LargestAccounts::kShown);
    EXPECT_EQ(largest_.programs()[0].program, PrincipalKey(ProcessInode{5000}));
}

TEST_F(LargestAccountsTest, AreFoundWhileOthersComeAndGo) {
    for (std::uint32_t i = 0; i < 1000; ++i)
        hold(i, i, 1);
    hold(5000, 5000, 100);
    EXPECT_FALSE(largest_.advance(accounts_, peers_));
    // Those looked at last are among the ones that go.
    holders_.erase(holders_.begin() + 100, holders_.begin() + 600);
    hold(200, 200, 50);
    find();
    EXPECT_EQ(largest_.users()[0].user, UserId{5000});
    EXPECT_EQ(largest_.programs()[0].user, UserId{5000});
    EXPECT_EQ(largest_.programs()[1].user, UserId{200});
}

}  // namespace
}  // namespace buzon::broker
