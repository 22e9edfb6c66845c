// SPDX-License-Identifier: Apache-2.0
// How the accounts of a tree share one pool, so that whoever holds much leaves room for the others.
// Invariant: a share's holding is the sum of its children's; its claim follows from theirs alone.
// Errors: a refused charge changes nothing. Source: DESIGN, section 5.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/quota/share_scale.h"

// The problem. A pool of C bytes is shared by users, a user's part by her programs ("principals"),
// a program's part by its connections. Nobody knows how many there will be. Whoever comes while
// others hold as much as they may must find room, at each level of the tree.
//
// One level. Let the i-th largest holder have at most g(i), with g falling and g(1) + g(2) + … <=
// C. Then the sum is within C, and one of n holders (itself included) can always get g(n): being
// one of n it is ranked n-th or better with it, and nobody else can be pushed down to a rank too
// low, for those behind it hold no more than it does. No scheme guarantees more: if n accounts come
// one after the other and each takes what is guaranteed to it, their sum must fit into C. So all
// there is to choose is how C is divided into g(1), g(2), … We let g be equal for ranks 2^k …
// 2^(k+1) - 1, a "tier" (Tiers in share_scale.h), and give half of C to the first rank, a quarter
// to the tiers behind it in parts that halve, and a quarter to the 16 tiers in equal parts. So
//
//     g(1) = C/2       g(n) >= C / (64 n)       up to n = 131071
//
// against C/(n(n+1)) of dbus-broker, whose parts sum up to C too. From n = 36 on ours is larger for
// each n (at 100 three times, at 1000 thirty-three times), and already for 7, 13-15 and 23-31;
// below that it is 0.4 to 0.9 of theirs, which is the price of what the many get.
//
// A tree. Checking each level against a capacity of its own guarantees nothing: when other users
// hold so much that a user may not grow, the first of her programs sits on all she has. So each
// account makes a *claim* on its parent: the smallest capacity within which its children, each with
// its own claim, could be served by the rule above.
//
//     claim(leaf)  = what it holds, rounded up to a step of the scale
//     claim(other) = max over k of  (claim of its child ranked 2^k) / w(k),   w(k) = g(2^k) / C
//
// What is claimed but not held is the room for those who come. The one check is that the claim of
// the root does not exceed the pool. Claims are steps of a geometric scale, eight to an octave, so
// that a division by w is an addition of small integers and exact; only a leaf's own holding is
// rounded, to 2^(1/8) of it at worst.
//
// Pockets. Most accounts hold little, and nobody should calculate for that. Each leaf (up to a
// number that is part of the pool's configuration) may hold `pocket` unconditionally, and what is
// in pockets is left out of claims and ranks. Pockets are cut off from the pool beforehand:
//
//     shared = capacity - pockets * pocket         is what the scale measures
//
// The guarantee. Let n(user) be the number of users who hold more than pockets, n(principal) that
// of such principals of the user in question and n(connection) that of such connections of the
// principal, itself included each time. Whatever all the others do, a connection can always come to
// hold
//
//     pocket + shared * w(n(user)) * w(n(principal)) * w'(n(connection))      where w(n) = g(n) / C
//
// rounded down to a step: pocket() + scale().top_of(kTopStep - sum of the cost_among(n)). Proof: if
// a leaf's claim rises to c, its parent's becomes at most max(old, c / w(n)), by the argument for
// one level; so the grandparent's and in the end the root's, where old <= pool. Of a lone
// connection w w w' is 0.18.
//
// One message always fits. A leaf of which the pool holds nothing beyond its pocket, and whose
// principal does not either, is lent room for a single charge up to `largest_loan`, however large
// its share is, if nobody of the same user owes such a loan. Hence the bound, whatever happens:
//
//     total <= capacity + (users who owe a loan) * largest_loan
//
// Places for connections. A connection holds one of them, so what shares this pool are programs:
// the leaves, and with them the pockets, are principals. The tiers are kPlacesOfUsers (u) and
// kPlacesOfPrograms (p), and whatever all the others do, a program can always come to have
//
//     pocket + shared * u(n(user)) * p(n(principal))      connections
//
// (rounded as above), and a user whose programs have no more than pockets one more, by a loan. Of a
// lone program u p is 0.65. How much is in pockets, and for how many: quota_limits.cc.
//
// Caps are absolute limits for one account, at any level, on top of all this.
//
// Cost. While a leaf stays between two steps (or in its pocket) a charge is one comparison and one
// addition for each level. Else the claims are calculated upwards as far as they change: each level
// has the steps of its children in a sorted array of bytes, in which rank 2^k is one access.

namespace buzon::broker {

/// How one pool is divided. 64-bit amounts, in bytes or pieces.
struct PoolLimits {
    std::uint64_t capacity = 0;
    std::uint64_t pocket = 0;
    /// How many leaves get a pocket: the first, and later ones as pockets become free.
    std::uint64_t pockets = 0;
    std::uint64_t largest_loan = 0;
};

/// What the shares of one tree have in common.
class SharePool {
public:
    explicit SharePool(const PoolLimits& limits) : limits_(limits), scale_(shared_of(limits)) {}

    [[nodiscard]] const PoolLimits& limits() const { return limits_; }
    [[nodiscard]] const ShareScale& scale() const { return scale_; }
    /// Only while all its leaves are retracted.
    void change(const PoolLimits& limits);
    /// What has been forced upon the pool beyond all shares, as Overdrawn::FromFund.
    [[nodiscard]] std::uint64_t drawn_from_fund() const { return drawn_from_fund_; }

private:
    friend class Share;
    [[nodiscard]] static std::uint64_t shared_of(const PoolLimits& limits);

    PoolLimits limits_;
    ShareScale scale_;
    std::uint64_t pockets_taken_ = 0;
    std::uint64_t drawn_from_fund_ = 0;
};

/// How an overdraft is bounded, which is not done here: FromFund is counted (overdraft.h).
enum class Overdrawn : std::uint8_t { Otherwise, FromFund };

/// What one account holds of one pool.
class Share {
public:
    /// Claims start at leaves. Those `BelowLeaf` have no share of their own, only a cap.
    enum class Role : std::uint8_t { Root, Branch, Leaf, BelowLeaf };
    enum class Reason : std::uint8_t { Cap, Share };

    /// Where a charge was refused. `Cap`: at the one that has reached it. `Share`: at the topmost
    /// one on the way up whose siblings hold too much; if none do, at the leaf: its own share is
    /// full.
    struct Refused {
        const Share* at;
        Reason reason;
    };

    static constexpr std::uint64_t kNoCap = std::numeric_limits<std::uint64_t>::max();

    /// `pool`, `parent` and `tiers`, by which the children of this share rank, outlive it.
    Share(SharePool& pool, Share* parent, Role role, const Tiers& tiers);
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    Share(Share&&) = delete;
    Share& operator=(Share&&) = delete;
    /// Nothing may be left in it.
    ~Share();

    /// Adds `amount` to this share, a leaf or below one, and to all above it, or to none.
    [[nodiscard]] std::optional<Refused> charge(std::uint64_t amount) {
        for (Share* share = this; share; share = share->parent_) {
            if (amount > share->ceiling_ - share->held_) {
                take_back_below(share, amount);
                return charge_slowly(amount);
            }
            share->held_ += amount;
        }
        return std::nullopt;
    }
    /// What charge() would say.
    [[nodiscard]] std::optional<Refused> check(std::uint64_t amount) const;
    /// Adds it unasked, beyond share and cap: for what has been checked otherwise. It is claimed as
    /// far as the others let it; the rest is left out of claims, so that they keep theirs. That is
    /// paid back first, or claimed with the next change of this leaf for which there is room.
    void force(std::uint64_t amount, Overdrawn overdrawn = Overdrawn::Otherwise);
    /// Takes back what was added.
    void release(std::uint64_t amount) {
        bool is_below_floor = false;
        for (Share* share = this; share; share = share->parent_) {
            share->held_ -= amount;
            if (share->held_ < share->floor_) is_below_floor = true;
        }
        if (is_below_floor) settle();
    }

    [[nodiscard]] const Share* parent() const { return parent_; }
    [[nodiscard]] const SharePool& pool() const { return *pool_; }
    [[nodiscard]] std::uint64_t held() const { return held_; }
    [[nodiscard]] std::uint64_t cap() const { return cap_; }
    /// A cap below what is held takes nothing away; it lets nothing more in.
    void set_cap(std::uint64_t cap);
    /// kBeyond only after a reload, or force(): nobody may raise it then.
    [[nodiscard]] Step claim() const { return claim_; }
    /// Children that hold more than their pockets.
    [[nodiscard]] std::size_t sharers() const { return children_.size(); }
    [[nodiscard]] bool has_loan() const { return loan_ > 0; }
    /// Of a leaf: what it holds beyond pocket, loan and claim.
    [[nodiscard]] std::uint64_t overdraft() const { return overdraft_; }
    /// Of that.
    [[nodiscard]] std::uint64_t from_fund() const { return from_fund_; }
    /// Of one directly below the root: what those below it have from the fund.
    [[nodiscard]] std::uint64_t drawn_from_fund() const { return drawn_from_fund_; }
    [[nodiscard]] bool has_pocket() const { return has_pocket_; }
    /// What a leaf could hold now, with all others as they are and without a loan.
    [[nodiscard]] std::uint64_t most() const;

    /// For a change of the pool: retract() all leaves, change the pool, restate() them.
    void retract();
    void restate();
    /// What does not agree in this share, given its `children`; empty if all does.
    [[nodiscard]] std::string disagreement(const std::vector<const Share*>& children) const;

private:
    [[nodiscard]] std::optional<Refused> charge_slowly(std::uint64_t amount);
    [[nodiscard]] const Share* capped_at(std::uint64_t amount) const;
    [[nodiscard]] bool may_claim(Step claim) const;
    [[nodiscard]] bool may_borrow(std::uint64_t amount) const;
    void borrow(std::uint64_t amount);
    void pay_back();
    void claim_overdraft();
    void set_overdraft(std::uint64_t overdraft);
    void set_from_fund(std::uint64_t amount);
    /// What may_claim() allows, between `low`, which it does, and `high`.
    [[nodiscard]] Step highest_claim(Step low, Step high) const;
    [[nodiscard]] const Share& in_the_way(Step claim) const;
    void take_back_below(const Share* end, std::uint64_t amount) {
        for (Share* share = this; share != end; share = share->parent_)
            share->held_ -= amount;
    }
    void settle();
    void refresh();
    void set_claim(Step claim);

    [[nodiscard]] const Share& leaf() const;
    [[nodiscard]] Share& leaf() { return const_cast<Share&>(std::as_const(*this).leaf()); }
    [[nodiscard]] const Share& borrower() const;
    [[nodiscard]] Share& borrower() { return const_cast<Share&>(std::as_const(*this).borrower()); }
    [[nodiscard]] std::uint64_t pocket() const { return has_pocket_ ? pool_->limits_.pocket : 0; }
    /// What claims leave out.
    [[nodiscard]] std::uint64_t unclaimed() const;
    [[nodiscard]] Step step_for(std::uint64_t held) const;

    // Of the children.
    [[nodiscard]] Step claim_of_children() const;
    /// As if one of them were to rise from `from` to `to`.
    [[nodiscard]] Step claim_with(Step from, Step to) const;
    [[nodiscard]] Step claim_alone(Step one) const;
    void replace(Step from, Step to);

    // While floor_ <= held_ <= ceiling_ there is nothing to calculate.
    Share* parent_;
    std::uint64_t held_ = 0;
    std::uint64_t ceiling_ = 0;
    std::uint64_t floor_ = 0;
    SharePool* pool_;
    const Tiers* tiers_;
    std::uint64_t cap_ = kNoCap;
    std::uint64_t loan_ = 0;
    std::uint64_t overdraft_ = 0;  // forced upon the pool: nobody else's share is smaller by it
    std::uint64_t from_fund_ = 0;  // of that
    std::uint64_t drawn_from_fund_ = 0;
    std::vector<Step> children_;  // claims of children above 0, the largest first
    Step claim_ = 0;
    Role role_;
    bool has_pocket_ = false;
    bool owes_loan_ = false;  // itself or one below it; of those directly below the root
};

}  // namespace buzon::broker
