// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/shares.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>

namespace buzon::broker {
namespace {

using Role = Share::Role;

/// A tree of shares over one pool, as users, principals and connections are.
class Tree {
public:
    struct Node {
        Node(SharePool& pool, Node* up, Role role, const Tiers& tiers)
            : parent(up), share(pool, up ? &up->share : nullptr, role, tiers) {}
        Node* parent;
        Share share;
        std::vector<std::unique_ptr<Node>> children;
    };

    explicit Tree(const PoolLimits& limits)
        : pool_(limits), root_(std::make_unique<Node>(pool_, nullptr, Role::Root, kWideTiers)) {}

    Node& root() { return *root_; }
    SharePool& pool() { return pool_; }
    Node& add_user() { return add(*root_, Role::Branch, kWideTiers); }
    Node& add_principal(Node& user) { return add(user, Role::Branch, kNarrowTiers); }
    Node& add_connection(Node& principal) { return add(principal, Role::Leaf, kNarrowTiers); }
    Node& add_lone_connection() { return add_connection(add_principal(add_user())); }
    std::vector<Node*> nodes() {
        std::vector<Node*> all{root_.get()};
        for (std::size_t i = 0; i < all.size(); ++i)
            for (const auto& child : all[i]->children)
                all.push_back(child.get());
        return all;
    }
    std::vector<Node*> connections() {
        auto all = nodes();
        std::erase_if(all, [](Node* node) { return depth(*node) != 3; });
        return all;
    }
    static int depth(const Node& node) { return node.parent ? depth(*node.parent) + 1 : 0; }
    static void remove(Node& node) {
        std::erase_if(node.parent->children,
                      [&](const auto& child) { return child.get() == &node; });
    }
    std::size_t loans() {
        std::size_t count = 0;
        for (const Node* leaf : connections())
            count += leaf->share.has_loan() ? 1U : 0U;
        return count;
    }

private:
    Node& add(Node& parent, Role role, const Tiers& tiers) {
        return *parent.children.emplace_back(std::make_unique<Node>(pool_, &parent, role, tiers));
    }
    SharePool pool_;
    std::unique_ptr<Node> root_;
};

bool is_allowed(const std::optional<Share::Refused>& refused) {
    return !refused.has_value();
}

/// The formula of shares.h: what `leaf` can hold whatever the others do.
std::uint64_t guaranteed(const Tree::Node& leaf, const SharePool& pool) {
    int step = kTopStep;
    for (const Tree::Node* node = &leaf; node->parent; node = node->parent) {
        const auto others = node->parent->share.sharers() - (node->share.claim() > 0 ? 1U : 0U);
        const auto& tiers = Tree::depth(*node) == 3 ? kNarrowTiers : kWideTiers;
        step -= tiers.cost_among(others + 1);
    }
    const auto pocket = leaf.share.has_pocket() ? pool.limits().pocket : 0;
    return pocket + (step > 0 ? pool.scale().top_of(static_cast<Step>(step)) : 0);
}

/// Claims by their definition: of 2^k children the smallest stays within what rank 2^k may have.
bool would_fit_in(int capacity, const Tree::Node& node) {
    const auto& tiers = Tree::depth(node) == 2 ? kNarrowTiers : kWideTiers;
    for (std::size_t k = 0; k < Tiers::kCount; ++k) {
        const auto above =
            std::count_if(node.children.begin(), node.children.end(), [&](const auto& child) {
                return child->share.claim() > std::max(0, capacity - tiers.cost[k]);
            });
        if (above > (std::ptrdiff_t{1} << k) - 1) return false;
    }
    return true;
}

constexpr PoolLimits kPlain{.capacity = 1 << 20, .pocket = 0, .pockets = 0, .largest_loan = 0};

TEST(Share, LoneConnectionGetsWhatTheFormulaSays) {
    Tree tree(kPlain);
    auto& share = tree.add_lone_connection().share;
    const auto most = tree.pool().scale().top_of(kTopStep - 8 - 8 - 4);
    EXPECT_EQ(share.most(), most);
    EXPECT_TRUE(is_allowed(share.charge(most)));
    const auto refused = share.charge(1);
    ASSERT_TRUE(refused.has_value());
    EXPECT_EQ(refused->at, &share);
    EXPECT_EQ(refused->reason, Share::Reason::Share);
    EXPECT_EQ(tree.root().share.held(), most);
    share.release(most);
    EXPECT_EQ(tree.root().share.held(), 0U);
    EXPECT_EQ(tree.root().share.claim(), 0);
}

TEST(Share, NamesTheLevelAtWhichOthersHoldTooMuch) {
    Tree tree(kPlain);
    auto& user = tree.add_user();
    auto& flooder = tree.add_connection(tree.add_principal(user)).share;
    auto& principal = tree.add_principal(user);
    auto& sibling = tree.add_connection(principal).share;
    ASSERT_TRUE(is_allowed(flooder.charge(flooder.most())));
    ASSERT_TRUE(is_allowed(sibling.charge(sibling.most())));
    const auto refused = sibling.charge(100'000);
    ASSERT_TRUE(refused.has_value());
    EXPECT_EQ(refused->at, &principal.share);

    auto& other_user = tree.add_user();
    auto& other = tree.add_connection(tree.add_principal(other_user)).share;
    EXPECT_GT(other.most(), 0U);
    const auto refused_user = other.charge(100'000);
    ASSERT_TRUE(refused_user.has_value());
    EXPECT_EQ(refused_user->at, &other_user.share);
    flooder.release(flooder.held());
    sibling.release(sibling.held());
}

TEST(Share, WhatIsForcedBeyondItIsCountedAndPaidBackFirst) {
    Tree tree(kPlain);
    auto& greedy = tree.add_lone_connection();
    auto& other = tree.add_lone_connection();
    ASSERT_TRUE(is_allowed(greedy.share.charge(greedy.share.most())));
    ASSERT_TRUE(is_allowed(other.share.charge(other.share.most())));
    const auto paid = other.share.held();
    const auto& user = other.parent->parent->share;
    other.share.force(3000, Overdrawn::FromFund);
    other.share.force(200);
    greedy.share.force(500, Overdrawn::FromFund);
    EXPECT_EQ(other.share.overdraft(), 3200U);
    EXPECT_EQ(user.drawn_from_fund(), 3000U);
    EXPECT_EQ(tree.pool().drawn_from_fund(), 3500U);
    other.share.release(1200);
    EXPECT_EQ(other.share.held(), paid + 2000);
    EXPECT_EQ(user.drawn_from_fund(), 2000U);
    EXPECT_FALSE(is_allowed(other.share.charge(1))) << "while something is overdrawn";
    other.share.release(2000);
    EXPECT_EQ(other.share.overdraft(), 0U);
    greedy.share.release(500);
    EXPECT_EQ(tree.pool().drawn_from_fund(), 0U);
    other.share.release(other.share.held());
    greedy.share.release(greedy.share.held());
}

TEST(Share, ClaimsOfWhatIsForcedAllThatOthersLeave) {
    Tree tree(kPlain);
    auto& share = tree.add_lone_connection().share;
    auto& other = tree.add_lone_connection().share;
    const auto most = share.most();
    share.force(most + 1000);
    EXPECT_EQ(share.overdraft(), 1000U);
    share.release(most + 1000);

    ASSERT_TRUE(is_allowed(other.charge(other.most())));
    share.force(most);
    const auto beside_other = share.overdraft();
    EXPECT_GT(beside_other, 0U);
    EXPECT_EQ(other.most(), other.held()) << "nothing of its share is lost";
    other.release(other.held());
    share.release(1);
    EXPECT_EQ(share.overdraft(), 0U) << "there is room for it by now";
    share.release(share.held());
}

TEST(Share, PocketIsThereWhateverOthersHold) {
    Tree tree({.capacity = 1000, .pocket = 10, .pockets = 2, .largest_loan = 0});
    auto& flooder = tree.add_lone_connection().share;
    auto& second = tree.add_lone_connection().share;
    auto& third = tree.add_lone_connection().share;
    EXPECT_TRUE(second.has_pocket());
    EXPECT_FALSE(third.has_pocket());
    ASSERT_TRUE(is_allowed(flooder.charge(flooder.most())));
    ASSERT_TRUE(is_allowed(third.charge(third.most())));
    EXPECT_TRUE(is_allowed(second.charge(10)));
    EXPECT_EQ(second.claim(), 0);
    for (Share* share : {&flooder, &second, &third})
        share->release(share->held());
}

TEST(Share, CapHoldsAtEachLevel) {
    Tree tree({.capacity = 1000, .pocket = 100, .pockets = 3, .largest_loan = 0});
    auto& user = tree.add_user();
    user.share.set_cap(15);
    auto& first = tree.add_connection(tree.add_principal(user)).share;
    auto& second = tree.add_connection(tree.add_principal(user)).share;
    EXPECT_TRUE(is_allowed(first.charge(10)));
    EXPECT_EQ(second.most(), 5U);
    const auto refused = second.charge(6);
    ASSERT_TRUE(refused.has_value());
    EXPECT_EQ(refused->at, &user.share);
    EXPECT_EQ(refused->reason, Share::Reason::Cap);
    EXPECT_EQ(second.held(), 0U);

    user.share.set_cap(7);  // nothing is taken away, nothing comes in
    EXPECT_FALSE(is_allowed(second.charge(1)));
    first.release(2);
    EXPECT_FALSE(is_allowed(second.charge(1)));
    first.release(2);
    EXPECT_TRUE(is_allowed(second.charge(1)));
    EXPECT_FALSE(is_allowed(first.charge(1)));
    first.release(6);
    second.release(1);
}

TEST(Share, OneMessageFitsAnEmptyShareAndOnlyOneOfAUser) {
    Tree tree({.capacity = 1000, .pocket = 10, .pockets = 10, .largest_loan = 5000});
    auto& user = tree.add_user();
    auto& principal = tree.add_principal(user);
    auto& share = tree.add_connection(principal).share;
    auto& sibling = tree.add_connection(principal).share;
    auto& other = tree.add_lone_connection().share;
    EXPECT_FALSE(is_allowed(share.charge(5001)));
    ASSERT_TRUE(is_allowed(share.charge(5000)));
    EXPECT_TRUE(share.has_loan());
    EXPECT_EQ(share.claim(), 0);
    EXPECT_FALSE(is_allowed(sibling.check(900))) << "the user owes a loan";
    EXPECT_TRUE(is_allowed(other.charge(900))) << "another user does not";

    share.release(4000);
    EXPECT_TRUE(share.has_loan());
    EXPECT_TRUE(is_allowed(share.charge(20))) << "its share is not used up by the loan";
    share.release(1010);
    EXPECT_FALSE(share.has_loan());
    EXPECT_TRUE(is_allowed(sibling.check(900)));
    share.release(10);
    other.release(900);
}

TEST(Share, LoansNothingWhereThePrincipalHoldsMuch) {
    Tree tree({.capacity = 1000, .pocket = 0, .pockets = 0, .largest_loan = 5000});
    auto& principal = tree.add_principal(tree.add_user());
    auto& share = tree.add_connection(principal).share;
    auto& sibling = tree.add_connection(principal).share;
    ASSERT_TRUE(is_allowed(share.charge(50)));
    EXPECT_FALSE(is_allowed(sibling.charge(900)));
    EXPECT_FALSE(is_allowed(share.charge(900)));
    share.release(50);
    EXPECT_TRUE(is_allowed(sibling.charge(900)));
    sibling.release(900);
}

TEST(Share, LeafMayStandAboveThoseThatAreCharged) {
    SharePool pool({.capacity = 1000, .pocket = 0, .pockets = 0, .largest_loan = 0});
    Share root(pool, nullptr, Role::Root, kWideTiers);
    Share user(pool, &root, Role::Leaf, kWideTiers);
    Share first(pool, &user, Role::BelowLeaf, kNarrowTiers);
    Share second(pool, &user, Role::BelowLeaf, kNarrowTiers);
    EXPECT_TRUE(is_allowed(first.charge(300)));
    EXPECT_EQ(second.most(), 200U);
    EXPECT_TRUE(is_allowed(second.charge(200)));
    const auto refused = second.charge(1);
    ASSERT_TRUE(refused.has_value());
    EXPECT_EQ(refused->at, &user);
    EXPECT_EQ(user.disagreement({&first, &second}), "");
    first.release(300);
    second.release(200);
}

TEST(Share, TakesNoMoreThanAnIntegerHolds) {
    Tree tree(kPlain);
    auto& share = tree.add_lone_connection().share;
    ASSERT_TRUE(is_allowed(share.charge(7)));
    EXPECT_FALSE(is_allowed(share.charge(Share::kNoCap)));
    EXPECT_FALSE(is_allowed(share.charge(Share::kNoCap - 7)));
    EXPECT_EQ(share.held(), 7U);
    share.release(7);
}

/// Each takes all it can, one after the other: the worst that a newcomer can meet.
TEST(Share, EachNewcomerFindsItsPartBehindTheGreedy) {
    Tree tree({.capacity = std::uint64_t{1} << 40, .pocket = 0, .pockets = 0, .largest_loan = 0});
    std::mt19937_64 random(2);
    Tree::Node* user = nullptr;
    Tree::Node* principal = nullptr;
    for (int i = 0; i < 600; ++i) {
        if (!user || random() % 8 == 0) {
            user = &tree.add_user();
            principal = nullptr;
        }
        if (!principal || random() % 4 == 0) principal = &tree.add_principal(*user);
        auto& newcomer = tree.add_connection(*principal);
        const auto part = guaranteed(newcomer, tree.pool());
        ASSERT_GE(newcomer.share.most(), part);
        ASSERT_TRUE(is_allowed(newcomer.share.charge(newcomer.share.most())));
        ASSERT_LE(tree.root().share.held(), tree.pool().limits().capacity);
    }
    for (auto* leaf : tree.connections())
        leaf->share.release(leaf->share.held());
}

// --- random histories ---------------------------------------------------------------------------

class History {
public:
    explicit History(std::uint64_t seed)
        : random_(seed), limits_(choose_limits()), tree_(limits_) {}

    void run(int steps) {
        for (int i = 0; i < steps && !testing::Test::HasFatalFailure(); ++i) {
            step();
            ASSERT_LE(tree_.root().share.held(),
                      limits_.capacity + tree_.loans() * limits_.largest_loan);
            if (i % 8 == 0) check_sums();
            if (i % 3 == 0) check_guarantee();
        }
    }
    /// All is given back: the tree is as good as new.
    void end() {
        Tree fresh(limits_);
        for (auto* leaf : tree_.connections()) {
            leaf->share.release(leaf->share.held());
            ASSERT_FALSE(leaf->share.has_loan());
        }
        for (auto* node : tree_.nodes()) {
            ASSERT_EQ(node->share.held(), 0U);
            ASSERT_EQ(node->share.claim(), 0);
            ASSERT_EQ(node->share.sharers(), 0U);
        }
        const auto& as_new = fresh.add_lone_connection().share;
        for (auto* leaf : tree_.connections()) {
            if (!leaf->share.has_pocket() && as_new.has_pocket()) continue;
            ASSERT_EQ(leaf->share.most(), as_new.most());
        }
    }

private:
    std::uint64_t below(std::uint64_t end) { return random_() % end; }
    /// Small ones as often as large ones.
    std::uint64_t amount() { return 1 + (below(limits_.capacity) >> below(20)); }

    PoolLimits choose_limits() {
        PoolLimits limits;
        limits.capacity = 1 + (below(std::uint64_t{1} << 30) >> below(26));
        limits.pockets = below(20);
        limits.pocket = limits.pockets > 0 ? limits.capacity / 4 / limits.pockets : 0;
        limits.largest_loan = below(2) * (limits.capacity / 2);
        return limits;
    }
    void step() {
        const auto leaves = tree_.connections();
        const auto choice = below(10);
        if (leaves.empty() || (choice == 0 && leaves.size() < 60)) return add();
        auto& leaf = *leaves[below(leaves.size())];
        if (choice == 1) {
            if (leaf.share.held() == 0) Tree::remove(leaf);
        } else if (choice < 7) {
            charge(leaf.share);
        } else {
            release(leaf.share);
        }
    }
    void add() {
        auto nodes = tree_.nodes();
        std::erase_if(nodes, [](auto* node) { return Tree::depth(*node) > 2; });
        auto& node = *nodes[below(nodes.size())];
        switch (Tree::depth(node)) {
            case 0: tree_.add_lone_connection(); break;
            case 1: tree_.add_connection(tree_.add_principal(node)); break;
            default: tree_.add_connection(node);
        }
    }
    void charge(Share& share) {
        const auto wanted = below(3) == 0 ? share.most() - share.held() : amount();
        const bool expected = is_allowed(share.check(wanted));
        const auto before = share.held();
        const auto most = share.most();
        ASSERT_EQ(is_allowed(share.charge(wanted)), expected);
        ASSERT_EQ(share.held(), before + (expected ? wanted : 0));
        ASSERT_TRUE(share.has_loan() || expected == (before + wanted <= most));
        if (expected && below(8) == 0) share.release(wanted);  // there and back again
    }
    void release(Share& share) {
        if (share.held() == 0) return;
        share.release(below(3) == 0 ? share.held() : 1 + below(share.held()));
    }
    void check_sums() {
        for (auto* node : tree_.nodes()) {
            std::vector<const Share*> children;
            for (const auto& child : node->children)
                children.push_back(&child->share);
            ASSERT_EQ(node->share.disagreement(children), "");
            if (Tree::depth(*node) == 3) continue;
            const int claim = node->share.claim();
            ASSERT_TRUE(would_fit_in(claim, *node));
            ASSERT_TRUE(claim == 0 || !would_fit_in(claim - 1, *node));
        }
        ASSERT_LE(tree_.root().share.claim(), kTopStep);
    }
    void check_guarantee() {
        for (auto* leaf : tree_.connections()) {
            const auto part = guaranteed(*leaf, tree_.pool());
            ASSERT_GE(leaf->share.most(), part);
            if (leaf->share.held() >= part) continue;
            ASSERT_TRUE(is_allowed(leaf->share.check(part - leaf->share.held())))
                << leaf->share.held() << " of " << part;
        }
    }

    std::mt19937_64 random_;
    PoolLimits limits_;
    Tree tree_;
};

TEST(Share, KeepsItsPromisesInAnyHistory) {
    const char* const chosen = std::getenv("BUZON_SHARES_SEED");
    const std::uint64_t first = chosen ? std::strtoull(chosen, nullptr, 10) : 1;
    const std::uint64_t last = chosen ? first : 2000;
    for (auto seed = first; seed <= last; ++seed) {
        SCOPED_TRACE(testing::Message() << "BUZON_SHARES_SEED=" << seed);
        History history(seed);
        history.run(150);
        if (!HasFatalFailure()) history.end();
        if (HasFatalFailure()) return;
    }
}

}  // namespace
}  // namespace buzon::broker
