// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/shares.h"

#include <fmt/format.h>

#include <cassert>
#include <functional>

namespace buzon::broker {
namespace {

using Steps = std::vector<Step>;

/// Where those begin that are smaller than `step`.
std::size_t end_of(const Steps& descending, Step step) {
    const auto end = std::upper_bound(descending.begin(), descending.end(), step, std::greater<>());
    return static_cast<std::size_t>(end - descending.begin());
}

/// `at(index)`: the claim of the child ranked `index` + 1.
template <typename At>
Step capacity_for(std::size_t sharers, const Tiers& tiers, At&& at) {
    if (sharers > Tiers::kMostSharers) return kBeyond;
    unsigned claim = 0;
    for (std::size_t tier = 0; (std::size_t{1} << tier) <= sharers; ++tier) {
        const unsigned first = at((std::size_t{1} << tier) - 1);
        claim = std::max(claim, first + tiers.cost[tier]);
    }
    return claim > kTopStep ? kBeyond : static_cast<Step>(claim);
}

std::uint64_t add_up(std::uint64_t left, std::uint64_t right) {
    return right > Share::kNoCap - left ? Share::kNoCap : left + right;
}

}  // namespace

std::uint64_t SharePool::shared_of(const PoolLimits& limits) {
    assert(limits.pocket == 0 || limits.pockets <= limits.capacity / limits.pocket);
    return limits.capacity - limits.pocket * limits.pockets;
}

void SharePool::change(const PoolLimits& limits) {
    assert(pockets_taken_ == 0);
    limits_ = limits;
    scale_ = ShareScale(shared_of(limits));
}

Share::Share(SharePool& pool, Share* parent, Role role, const Tiers& tiers)
    : parent_(parent), pool_(&pool), tiers_(&tiers), role_(role) {
    restate();
}

Share::~Share() {
    assert(held_ == 0);
    retract();
}

void Share::retract() {
    if (role_ != Role::Leaf) return;
    set_claim(0);
    if (std::exchange(has_pocket_, false)) --pool_->pockets_taken_;
}

void Share::restate() {
    if (role_ == Role::Leaf) {
        has_pocket_ = pool_->pockets_taken_ < pool_->limits_.pockets;
        if (has_pocket_) ++pool_->pockets_taken_;
        pay_back();
        set_claim(step_for(held_));
    }
    refresh();
}

void Share::set_cap(std::uint64_t cap) {
    cap_ = cap;
    refresh();
}

// --- charging ---------------------------------------------------------------------------------

std::optional<Share::Refused> Share::charge_slowly(std::uint64_t amount) {
    if (const Share* full = capped_at(amount)) return Refused{full, Reason::Cap};
    Share& payer = leaf();
    const Step claim = payer.step_for(payer.held_ + amount);
    if (!payer.may_claim(claim)) {
        if (!payer.may_borrow(amount)) return Refused{&payer.in_the_way(claim), Reason::Share};
        payer.borrow(amount);
    }
    force(amount);
    return std::nullopt;
}

std::optional<Share::Refused> Share::check(std::uint64_t amount) const {
    if (const Share* full = capped_at(amount)) return Refused{full, Reason::Cap};
    const Share& payer = leaf();
    const Step claim = payer.step_for(payer.held_ + amount);
    if (payer.may_claim(claim) || payer.may_borrow(amount)) return std::nullopt;
    return Refused{&payer.in_the_way(claim), Reason::Share};
}

void Share::force(std::uint64_t amount, Overdrawn overdrawn) {
    Share& payer = leaf();
    if (!payer.may_claim(payer.step_for(payer.held_ + amount))) {
        payer.set_overdraft(payer.overdraft_ + amount);
        if (overdrawn == Overdrawn::FromFund) payer.set_from_fund(payer.from_fund_ + amount);
    }
    for (Share* share = this; share; share = share->parent_)
        share->held_ += amount;
    settle();
}

const Share* Share::capped_at(std::uint64_t amount) const {
    for (const Share* share = this; share; share = share->parent_)
        if (amount > share->cap_ - std::min(share->held_, share->cap_)) return share;
    return nullptr;
}

bool Share::may_claim(Step claim) const {
    if (claim <= claim_) return claim <= kTopStep;
    const Share* share = this;
    for (; share->parent_; share = share->parent_) {
        const Step above = share->parent_->claim_with(share->claim_, claim);
        if (above == share->parent_->claim_) return above <= kTopStep;
        claim = above;
    }
    return claim <= kTopStep;
}

/// The topmost of this share and those above it that would get further if it had no siblings; if
/// there is none, this one: it asks for more than anybody may have.
const Share& Share::in_the_way(Step claim) const {
    const Share* found = this;
    for (const Share* share = this; share->parent_; share = share->parent_) {
        const Step above = share->parent_->claim_with(share->claim_, claim);
        if (above > share->parent_->claim_alone(claim)) found = share;
        claim = above;
    }
    return *found;
}

std::uint64_t Share::most() const {
    const Share& payer = leaf();
    const auto claim = payer.highest_claim(payer.claim_, kTopStep);
    const auto most = add_up(payer.unclaimed(), pool_->scale_.top_of(claim));
    auto room = most - std::min(most, payer.held_);
    for (const Share* share = this; share; share = share->parent_)
        room = std::min(room, share->cap_ - std::min(share->held_, share->cap_));
    return held_ + room;
}

Step Share::highest_claim(Step low, Step high) const {
    while (low < high) {
        const auto middle = static_cast<Step>((low + high + 1) / 2);
        if (may_claim(middle)) {
            low = middle;
        } else {
            high = static_cast<Step>(middle - 1);
        }
    }
    return low;
}

// --- loans ------------------------------------------------------------------------------------

bool Share::may_borrow(std::uint64_t amount) const {
    const bool claims_nothing = claim_ == 0 && loan_ == 0;
    const bool is_first = !parent_ || parent_->role_ == Role::Root || parent_->claim_ == 0;
    // What is overdrawn would be lent, too.
    return claims_nothing && is_first && !borrower().owes_loan_ &&
           add_up(amount, overdraft_) <= pool_->limits_.largest_loan;
}

void Share::borrow(std::uint64_t amount) {
    loan_ = held_ + amount - pocket();
    borrower().owes_loan_ = true;
}

/// A loan is what is held above the pocket, never more than what was lent.
void Share::pay_back() {
    if (overdraft_ > 0) {
        const auto covered = add_up(add_up(pocket(), loan_), pool_->scale_.top_of(claim_));
        set_overdraft(std::min(overdraft_, held_ - std::min(held_, covered)));
    }
    if (loan_ == 0) return;
    loan_ = std::min(loan_, held_ - std::min(held_, pocket()));
    if (loan_ == 0) borrower().owes_loan_ = false;
}

/// As much of it as the others leave room for now. Mostly that is nothing more.
void Share::claim_overdraft() {
    if (overdraft_ == 0) return;
    const Step now = step_for(held_);
    const auto without = add_up(pocket(), loan_);
    const Step all = pool_->scale_.step_of(held_ - std::min(held_, without));
    if (now >= all || !may_claim(static_cast<Step>(now + 1))) return;
    const Step claim = highest_claim(static_cast<Step>(now + 1), all);
    const auto covered = add_up(without, pool_->scale_.top_of(claim));
    set_overdraft(held_ - std::min(held_, covered));
}

void Share::set_overdraft(std::uint64_t overdraft) {
    overdraft_ = overdraft;
    if (from_fund_ > overdraft) set_from_fund(overdraft);
}

void Share::set_from_fund(std::uint64_t amount) {
    const std::uint64_t before = std::exchange(from_fund_, amount);
    for (std::uint64_t* sum : {&pool_->drawn_from_fund_, &borrower().drawn_from_fund_})
        *sum = *sum - before + amount;
}

// --- keeping claims and bounds ------------------------------------------------------------------

void Share::settle() {
    Share& payer = leaf();
    payer.pay_back();
    payer.claim_overdraft();
    payer.set_claim(payer.step_for(payer.held_));
    for (Share* share = this; share; share = share->parent_)
        share->refresh();
}

void Share::set_claim(Step claim) {
    Share* share = this;
    while (share->claim_ != claim) {
        const Step before = std::exchange(share->claim_, claim);
        if (!share->parent_) return;
        share = share->parent_;
        share->replace(before, claim);
        claim = share->claim_of_children();
    }
}

void Share::refresh() {
    ceiling_ = cap_;
    floor_ = 0;
    if (role_ == Role::Leaf) {
        ceiling_ = std::min(cap_, add_up(unclaimed(), pool_->scale_.top_of(claim_)));
        if (claim_ > 0) {
            floor_ = unclaimed() + pool_->scale_.top_of(static_cast<Step>(claim_ - 1)) + 1;
        } else if (loan_ > 0) {
            floor_ = held_;
        }
        if (overdraft_ > 0) ceiling_ = floor_ = held_;
    }
    // Above a cap or a pool that has become smaller: each release brings the ceiling down.
    if (held_ > ceiling_) ceiling_ = floor_ = held_;
}

const Share& Share::leaf() const {
    const Share* share = this;
    while (share->role_ == Role::BelowLeaf)
        share = share->parent_;
    assert(share->role_ == Role::Leaf);
    return *share;
}

const Share& Share::borrower() const {
    const Share* share = this;
    while (share->parent_ && share->parent_->parent_)
        share = share->parent_;
    return *share;
}

std::uint64_t Share::unclaimed() const {
    return add_up(add_up(pocket(), loan_), overdraft_);
}

Step Share::step_for(std::uint64_t held) const {
    const auto without = unclaimed();
    return held > without ? pool_->scale_.step_of(held - without) : Step{0};
}

// --- the children -------------------------------------------------------------------------------

Step Share::claim_of_children() const {
    return capacity_for(children_.size(), *tiers_, [&](std::size_t i) { return children_[i]; });
}

Step Share::claim_with(Step from, Step to) const {
    const std::size_t to_index = end_of(children_, to);
    const std::size_t from_index = from > 0 ? end_of(children_, from) - 1 : children_.size();
    const std::size_t sharers = children_.size() + (from > 0 ? 0 : 1);
    return capacity_for(sharers, *tiers_, [&](std::size_t i) {
        if (i == to_index) return to;
        return i > to_index && i <= from_index ? children_[i - 1] : children_[i];
    });
}

Step Share::claim_alone(Step one) const {
    return capacity_for(1, *tiers_, [&](std::size_t) { return one; });
}

void Share::replace(Step from, Step to) {
    if (from == 0) {
        children_.insert(children_.begin() + static_cast<std::ptrdiff_t>(end_of(children_, to)),
                         to);
        return;
    }
    const auto place = children_.begin() + static_cast<std::ptrdiff_t>(end_of(children_, from) - 1);
    const auto target = children_.begin() + static_cast<std::ptrdiff_t>(end_of(children_, to));
    if (to == 0) {
        children_.erase(place);
    } else if (to > from) {
        std::move_backward(target, place, place + 1);
        *target = to;
    } else {
        *std::move(place + 1, target, place) = to;
    }
}

std::string Share::disagreement(const std::vector<const Share*>& children) const {
    if (role_ == Role::Leaf) {
        const Step right = step_for(held_);
        if (claim_ != right) return fmt::format("claims {} instead of {}", claim_, right);
    }
    if (held_ < floor_ || held_ > ceiling_)
        return fmt::format("holds {} outside of {} to {}", held_, floor_, ceiling_);
    const bool has_claims = role_ == Role::Root || role_ == Role::Branch;
    if (children.empty() && !has_claims) return {};

    std::uint64_t held = 0;
    Steps claims;
    for (const Share* child : children) {
        held += child->held_;
        if (has_claims && child->claim_ > 0) claims.push_back(child->claim_);
    }
    if (held != held_) return fmt::format("holds {}, its children {}", held_, held);
    if (!has_claims) return {};
    std::sort(claims.begin(), claims.end(), std::greater<>());
    if (claims != children_) return "has other claims than its children";
    if (claim_ != claim_of_children()) return "does not claim what its children need";
    return {};
}

}  // namespace buzon::broker
