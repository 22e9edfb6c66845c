// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/account.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <vector>

#include "broker/quota/account_tree.h"
#include "broker/quota/charge.h"

namespace buzon::broker {
namespace {

using testing::HasSubstr;

constexpr UserId kAlice{1000};
constexpr UserId kBob{1001};
constexpr PrincipalKey kPlayer = ProcessKey{.pid = 10, .start_time = 1};
constexpr PrincipalKey kEditor = ProcessInode{20};

QuotaLimits plenty() {
    QuotaLimits limits;
    limits.pools.fill({.capacity = 100'000, .pocket = 100, .pockets = 100, .largest_loan = 0});
    return limits;
}

OpenAccount opened(AccountTree& tree, UserId user, const PrincipalKey& principal) {
    auto account = tree.open(user, principal);
    EXPECT_TRUE(account.has_value());
    return std::move(account).value();
}

Charge taken(const OpenAccount& account, Resource resource, std::uint64_t amount) {
    auto charge = Charge::take(account.payer(), resource, amount);
    EXPECT_TRUE(charge.has_value());
    return charge ? std::move(charge).value() : Charge();
}

bool is_refused(const OpenAccount& account, Resource resource, std::uint64_t amount) {
    const bool would_be = Charge::check(*account.payer(), resource, amount).has_value();
    const bool is = !Charge::take(account.payer(), resource, amount).has_value();
    EXPECT_EQ(would_be, is);
    return is;
}

TEST(Charge, CountsAtEachLevelUntilItEnds) {
    AccountTree tree(plenty());
    const auto account = opened(tree, kAlice, kPlayer);
    {
        const auto charge = taken(account, Resource::Bytes, 70);
        EXPECT_EQ(charge.amount(), 70U);
        EXPECT_EQ(account.account().held(Resource::Bytes), 70U);
        EXPECT_EQ(account.account().parent()->held(Resource::Bytes), 70U);
        EXPECT_EQ(tree.find(kAlice)->held(Resource::Bytes), 70U);
        EXPECT_EQ(tree.bus().held(Resource::Bytes), 70U);
        EXPECT_EQ(tree.bus().held(Resource::Descriptors), 0U);
        EXPECT_EQ(tree.verify(), "");
    }
    EXPECT_EQ(tree.bus().held(Resource::Bytes), 0U);
}

TEST(Charge, IsSplitAbsorbedGrownAndShrunkWithoutLosingAnything) {
    AccountTree tree(plenty());
    const auto account = opened(tree, kAlice, kPlayer);
    const auto& held = account.account();
    auto charge = taken(account, Resource::Bytes, 50);
    EXPECT_FALSE(charge.grow(10));
    auto part = charge.split(20);
    EXPECT_EQ(charge.amount(), 40U);
    EXPECT_EQ(held.held(Resource::Bytes), 60U);
    charge.shrink(40);
    EXPECT_EQ(held.held(Resource::Bytes), 20U);
    EXPECT_TRUE(charge.absorb(part));
    EXPECT_EQ(charge.amount(), 20U);
    EXPECT_FALSE(part.payer());

    auto descriptors = taken(account, Resource::Descriptors, 1);
    EXPECT_FALSE(charge.absorb(descriptors));
    EXPECT_TRUE(charge.grow(1'000'000).has_value());
    EXPECT_EQ(charge.amount(), 20U);
    descriptors = std::move(charge);
    EXPECT_EQ(held.held(Resource::Descriptors), 0U);
    EXPECT_EQ(held.held(Resource::Bytes), 20U);
    descriptors.release();
    EXPECT_EQ(held.held(Resource::Bytes), 0U);
}

TEST(Charge, SaysWhoHoldsTooMuch) {
    auto limits = plenty();
    limits.cap(Level::Connection, Resource::MatchRules) = 3;
    limits.user_caps[kBob] = QuotaLimits::no_caps();
    limits.user_caps[kBob][static_cast<std::size_t>(Resource::Names)] = 5;
    AccountTree tree(limits);
    const auto account = opened(tree, kBob, kPlayer);
    const auto rules = taken(account, Resource::MatchRules, 3);
    const auto rule = Charge::check(*account.payer(), Resource::MatchRules, 1);
    ASSERT_TRUE(rule.has_value());
    EXPECT_EQ(rule->level, Level::Connection);
    EXPECT_EQ(rule->reason, Share::Reason::Cap);
    EXPECT_EQ(describe(*rule), "1 more match rules: the connection holds 3 of 3");

    const auto names = Charge::check(*account.payer(), Resource::Names, 6);
    ASSERT_TRUE(names.has_value());
    EXPECT_EQ(names->level, Level::User);
    EXPECT_EQ(names->limit, 5U);

    const auto flooder = opened(tree, kAlice, kPlayer);
    const auto flood =
        taken(flooder, Resource::Bytes, flooder.account().share(Resource::Bytes).most());
    const auto some = taken(account, Resource::Bytes, 200);
    const auto bytes = Charge::check(*account.payer(), Resource::Bytes, 8000);
    ASSERT_TRUE(bytes.has_value());
    EXPECT_EQ(describe(*bytes), "8000 more bytes: the user holds 200 of 100000 that 2 share");
}

TEST(AccountTree, MakesUsersAndPrincipalsOnDemandAndForgetsThem) {
    AccountTree tree(plenty());
    {
        const auto first = opened(tree, kAlice, kPlayer);
        const auto second = opened(tree, kAlice, kPlayer);
        const auto third = opened(tree, kAlice, kEditor);
        EXPECT_EQ(first.account().parent(), second.account().parent());
        EXPECT_NE(first.account().parent(), third.account().parent());
        EXPECT_EQ(first.account().parent()->parent(), third.account().parent()->parent());
        EXPECT_EQ(tree.bus().open_connections(), 3U);
        EXPECT_EQ(tree.find(kBob), nullptr);
        const auto other = opened(tree, kBob, kPlayer);
        EXPECT_NE(other.account().parent(), first.account().parent());
        EXPECT_EQ(tree.verify(), "");
    }
    EXPECT_FALSE(tree.bus().has_children());
    EXPECT_EQ(tree.bus().held(Resource::Connections), 0U);
}

TEST(AccountTree, RefusesConnectionsAboveTheCapOfAUser) {
    auto limits = plenty();
    limits.cap(Level::User, Resource::Connections) = 2;
    AccountTree tree(limits);
    auto first = opened(tree, kAlice, kPlayer);
    const auto second = opened(tree, kAlice, kEditor);
    const auto third = tree.open(kAlice, CgroupId{7});
    ASSERT_FALSE(third.has_value());
    EXPECT_EQ(third.error().level, Level::User);
    EXPECT_EQ(third.error().resource, Resource::Connections);
    EXPECT_TRUE(tree.open(kBob, kPlayer).has_value());
    first.close();
    EXPECT_TRUE(tree.open(kAlice, CgroupId{7}).has_value());
    EXPECT_EQ(tree.verify(), "");
}

QuotaLimits few_places() {
    auto limits = plenty();
    limits.pool(Resource::Connections) = {
        .capacity = 2048, .pocket = 4, .pockets = 256, .largest_loan = 1};
    return limits;
}

/// All that the tree lets this program have; returns how many.
std::size_t open_all(AccountTree& tree,
                     UserId user,
                     const PrincipalKey& program,
                     std::vector<OpenAccount>& connections) {
    const auto before = connections.size();
    while (auto account = tree.open(user, program))
        connections.push_back(std::move(account).value());
    return connections.size() - before;
}

TEST(AccountTree, KeepsPlacesForProgramsAndUsersWhoHaveNone) {
    AccountTree tree(few_places());
    std::vector<OpenAccount> connections;
    EXPECT_EQ(open_all(tree, kAlice, kPlayer, connections), 663U + 4) << "2^(-5/8) of 1024";
    const auto refused = tree.open(kAlice, kPlayer);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(describe(refused.error()), "1 more connections: the principal holds 667 of 2048");
    for (std::uint64_t program = 0; program < 128; ++program)
        EXPECT_GE(open_all(tree, kAlice, CgroupId{program}, connections), 4U) << program;
    for (std::uint32_t user = 10; user < 137; ++user)
        EXPECT_GE(open_all(tree, UserId{user}, kEditor, connections), 4U) << user;
    EXPECT_EQ(tree.verify(), "");
}

TEST(AccountTree, LendsAPlaceToAUserWhoHasNoneWhenPocketsHaveGone) {
    AccountTree tree(few_places());
    std::vector<OpenAccount> connections;
    for (std::uint64_t program = 0; open_all(tree, kAlice, CgroupId{program}, connections) > 0;)
        ++program;
    EXPECT_FALSE(tree.open(kAlice, kEditor).has_value());
    EXPECT_TRUE(tree.open(kBob, kEditor).has_value());
    EXPECT_LE(connections.size(), 2048U);
    EXPECT_EQ(tree.verify(), "");
}

TEST(AccountTree, LosesNoPocketForPlacesToTheDead) {
    auto limits = few_places();
    limits.pool(Resource::Connections) = {
        .capacity = 8, .pocket = 4, .pockets = 2, .largest_loan = 0};
    AccountTree tree(limits);
    const auto editor = opened(tree, kAlice, kEditor);
    auto player = opened(tree, kAlice, kPlayer);
    const auto charge = taken(player, Resource::Bytes, 30);
    player.close();
    EXPECT_TRUE(charge.payer()->account().is_estate());
    const auto next = opened(tree, kAlice, kPlayer);
    EXPECT_TRUE(next.account().parent()->share(Resource::Connections).has_pocket());
    EXPECT_EQ(tree.verify(), "");
}

TEST(AccountTree, ProtectsOneProgramFromManyConnectionsOfAnother) {
    auto limits = plenty();
    limits.pool(Resource::Bytes) = {
        .capacity = 1 << 30, .pocket = 0, .pockets = 0, .largest_loan = 0};
    AccountTree tree(limits);
    std::vector<OpenAccount> connections;
    std::vector<Charge> charges;
    for (int i = 0; i < 250; ++i) {
        connections.push_back(opened(tree, kAlice, kPlayer));
        const auto most = connections.back().account().share(Resource::Bytes).most();
        charges.push_back(taken(connections.back(), Resource::Bytes, most));
    }
    const auto alone = opened(tree, kAlice, kEditor);
    // Half for the user, 1/15 for the second of her programs, 0.7 for its only connection.
    EXPECT_GT(alone.account().share(Resource::Bytes).most(), (1U << 30) / 44);
    connections.clear();
    EXPECT_EQ(tree.verify(), "");
}

TEST(AccountTree, GoesOnCountingWhatDeadConnectionsHaveLeft) {
    AccountTree tree(plenty());
    const auto account = opened(tree, kAlice, kPlayer);
    auto dead = opened(tree, kAlice, kPlayer);
    auto charge = taken(dead, Resource::Bytes, 30);
    const Account& principal = *account.account().parent();
    dead.close();
    EXPECT_EQ(principal.held(Resource::Bytes), 30U);
    EXPECT_EQ(principal.open_connections(), 1U);
    EXPECT_EQ(tree.bus().held(Resource::Connections), 1U) << "its place is free";
    EXPECT_TRUE(charge.payer()->account().is_estate());
    EXPECT_FALSE(charge.grow(5));
    EXPECT_EQ(tree.verify(), "");
    charge.release();
    std::size_t children = 0;
    principal.for_each_child([&](const Account&) { ++children; });
    EXPECT_EQ(children, 1U);
    EXPECT_EQ(principal.held(Resource::Bytes), 0U);
}

TEST(AccountTree, MovesTheEstateOfAProgramToItsUser) {
    AccountTree tree(plenty());
    const auto editor = opened(tree, kAlice, kEditor);
    std::vector<Charge> charges;
    for (int i = 0; i < 50; ++i) {
        auto first = opened(tree, kAlice, ProcessKey{.pid = 100 + i, .start_time = 5});
        auto second = opened(tree, kAlice, ProcessKey{.pid = 100 + i, .start_time = 5});
        charges.push_back(taken(first, Resource::Bytes, 10));
        charges.push_back(taken(second, Resource::Bytes, 1));
        first.close();
        EXPECT_EQ(tree.verify(), "");
    }
    const Account& alice = *tree.find(kAlice);
    EXPECT_EQ(alice.held(Resource::Bytes), 550U);
    EXPECT_EQ(tree.bus().held(Resource::Connections), 1U);
    std::size_t children = 0;
    alice.for_each_child([&](const Account&) { ++children; });
    EXPECT_EQ(children, 2U) << "the editor, and what the dead have left";
    for (const auto& charge : charges)
        EXPECT_EQ(charge.payer()->account().parent(), &alice);
    EXPECT_EQ(tree.verify(), "");
    charges.clear();
    EXPECT_EQ(alice.held(Resource::Bytes), 0U);
    EXPECT_EQ(tree.verify(), "");
}

TEST(AccountTree, KeepsTheAccountOfADeadConnectionThatFillsItsShare) {
    AccountTree tree(plenty());
    auto account = opened(tree, kAlice, kPlayer);
    auto sibling = opened(tree, kAlice, kPlayer);
    auto estate = taken(account, Resource::Bytes, account.account().share(Resource::Bytes).most());
    auto more = taken(sibling, Resource::Bytes, sibling.account().share(Resource::Bytes).most());
    account.close();
    sibling.close();
    EXPECT_EQ(tree.bus().open_connections(), 0U);
    EXPECT_EQ(tree.find(kAlice)->held(Resource::Bytes), estate.amount() + more.amount());
    EXPECT_EQ(tree.verify(), "");
    estate.release();
    more.release();
    EXPECT_FALSE(tree.bus().has_children());
}

TEST(AccountTree, ReloadChangesLimitsWithoutTakingAnythingAway) {
    AccountTree tree(plenty());
    const auto account = opened(tree, kAlice, kPlayer);
    auto charge = taken(account, Resource::Bytes, 10'000);
    auto limits = plenty();
    limits.pool(Resource::Bytes) = {
        .capacity = 1000, .pocket = 5, .pockets = 10, .largest_loan = 0};
    tree.set_limits(limits);
    EXPECT_EQ(tree.verify(), "");
    EXPECT_TRUE(is_refused(account, Resource::Bytes, 1));
    charge.shrink(9900);
    EXPECT_FALSE(is_refused(account, Resource::Bytes, 1));
    tree.set_limits(plenty());
    EXPECT_EQ(tree.verify(), "");
    EXPECT_FALSE(is_refused(account, Resource::Bytes, 9000));
}

TEST(DescribeKey, NamesUsersAndPrincipals) {
    EXPECT_EQ(describe(kAlice), "uid 1000");
    EXPECT_EQ(describe(kAnonymousUser), "anonymous user");
    EXPECT_EQ(describe(kPlayer), "process 10");
    EXPECT_EQ(describe(PrincipalKey{CgroupId{3}}), "cgroup 3");
}

// --- random histories ---------------------------------------------------------------------------

class History {
public:
    explicit History(std::uint64_t seed) : random_(seed), tree_(choose_limits()) {}

    void run(int steps) {
        for (int i = 0; i < steps && !testing::Test::HasFatalFailure(); ++i) {
            step();
            ASSERT_EQ(tree_.verify(), "");
            check_charges();
        }
    }
    void end() {
        charges_.clear();
        ASSERT_EQ(tree_.verify(), "");
        accounts_.clear();
        ASSERT_FALSE(tree_.bus().has_children());
        AccountTree fresh(limits_);
        const auto left = tree_.open(kAlice, kPlayer);
        const auto right = fresh.open(kAlice, kPlayer);
        ASSERT_EQ(left.has_value(), right.has_value());
        for (std::size_t i = 0; i < kResourceCount && left; ++i) {
            const auto resource = static_cast<Resource>(i);
            ASSERT_EQ(tree_.bus().held(resource), fresh.bus().held(resource));
            ASSERT_EQ(left->account().share(resource).most(),
                      right->account().share(resource).most());
        }
    }

private:
    struct Paid {
        UserId user;
        Charge charge;
    };
    struct Opened {
        UserId user;
        OpenAccount account;
    };

    static constexpr std::uint64_t kUsers = 4;

    std::uint64_t below(std::uint64_t end) { return random_() % end; }
    QuotaLimits choose_limits() {
        for (auto& pool : limits_.pools) {
            pool.capacity = 10 + (below(1 << 30) >> below(26));
            pool.pockets = below(8);
            pool.pocket = pool.pockets > 0 ? pool.capacity / 4 / pool.pockets : 0;
            pool.largest_loan = below(2) * (pool.capacity / 2);
        }
        for (auto& caps : limits_.caps)
            for (auto& cap : caps)
                if (below(20) == 0) cap = below(1000);
        return limits_;
    }
    void step() {
        const auto choice = below(16);
        if (choice < 3 || accounts_.empty()) {
            open();
        } else if (choice == 3) {
            erase(accounts_, below(accounts_.size()));
        } else if (choice < 10) {
            take();
        } else if (choice == 15 && below(8) == 0) {
            tree_.set_limits(choose_limits());
            is_reloaded_ = true;
        } else if (!charges_.empty()) {
            change(below(charges_.size()));
        }
    }
    template <typename T>
    static void erase(std::vector<T>& all, std::size_t index) {
        std::swap(all[index], all.back());
        all.pop_back();
    }
    void open() {
        const UserId user{static_cast<std::uint32_t>(below(kUsers))};
        auto account = tree_.open(user, CgroupId{below(4)});
        if (account) accounts_.push_back({user, std::move(account).value()});
    }
    void take() {
        const auto& [user, account] = accounts_[below(accounts_.size())];
        const auto resource = static_cast<Resource>(below(kResourceCount - 1));
        const auto pool = limits_.pool(resource).capacity;
        auto charge = Charge::take(account.payer(), resource, (pool >> below(16)) + 1);
        if (!charge) return;
        charges_.push_back({user, std::move(charge).value()});
        const auto& limits = limits_.pool(resource);
        if (is_reloaded_) return;
        ASSERT_LE(tree_.bus().held(resource), limits.capacity + kUsers * limits.largest_loan);
    }
    void change(std::size_t index) {
        auto& charge = charges_[index].charge;
        switch (below(4)) {
            case 0: charge.shrink(below(charge.amount() + 1)); break;
            case 1: (void)charge.grow(1 + below(1000)); break;
            case 2: {
                const auto user = charges_[index].user;
                charges_.push_back({user, charge.split(below(charge.amount() + 1))});
                break;
            }
            default: erase(charges_, index);
        }
    }
    /// What users hold is what has been charged to them.
    void check_charges() {
        std::map<std::pair<UserId, Resource>, std::uint64_t> sums;
        for (const auto& [user, charge] : charges_)
            sums[{user, charge.resource()}] += charge.amount();
        for (const auto& [user, account] : accounts_)
            ++sums[{user, Resource::Connections}];
        for (const auto& [what, sum] : sums) {
            const auto* user = tree_.find(what.first);
            ASSERT_NE(user, nullptr);
            if (what.second == Resource::Connections) {
                ASSERT_GE(user->held(what.second), sum);
            } else {
                ASSERT_EQ(user->held(what.second), sum);
            }
        }
    }

    std::mt19937_64 random_;
    QuotaLimits limits_;
    AccountTree tree_;
    std::vector<Opened> accounts_;
    std::vector<Paid> charges_;
    bool is_reloaded_ = false;
};

TEST(AccountTree, AgreesWithItsChargesInAnyHistory) {
    const char* const chosen = std::getenv("BUZON_ACCOUNTS_SEED");
    const std::uint64_t first = chosen ? std::strtoull(chosen, nullptr, 10) : 1;
    const std::uint64_t last = chosen ? first : 1000;
    for (auto seed = first; seed <= last; ++seed) {
        SCOPED_TRACE(testing::Message() << "BUZON_ACCOUNTS_SEED=" << seed);
        History history(seed);
        history.run(150);
        if (!HasFatalFailure()) history.end();
        if (HasFatalFailure()) return;
    }
}

}  // namespace
}  // namespace buzon::broker
