// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/fair_turns.h"

#include <algorithm>

namespace buzon::broker {

namespace {

// A debt beyond this is forgiven; it is more than the longest answer of the driver costs (some
// 100 ms), so that a flood of these slows only who asks for them.
constexpr std::int64_t kMaxDebt = 256 * std::int64_t{FairTurns::kQuantum};

}  // namespace

void FairTurns::wait(TurnTaker& taker) {
    for (TurnShare* share = &taker; share->parent_ && !share->is_linked(); share = share->parent_) {
        share->credit_ += kQuantum;
        share->parent_->waiting_.push_back(*share);
    }
    if (!next_turn_.is_linked()) loop_.at_end_of_turn(*this);
}

void FairTurns::leave(TurnTaker& taker) {
    for (TurnShare* share = &taker; share->is_linked() && share->waiting_.empty();
         share = share->parent_) {
        share->unlink();
        // Credit is not saved up; debts stay.
        share->credit_ = std::min<std::int64_t>(share->credit_, 0);
    }
}

void FairTurns::run_task() {
    for (std::size_t used = 0; !root_.waiting_.empty();) {
        if (used >= kTurnBudget) {
            // Whoever has come to wait meanwhile is no reason to go on in this turn.
            unlink();
            loop_.in_next_turn(next_turn_);
            return;
        }
        TurnTaker& taker = choose();
        const TurnTaker::Turn turn = taker.take_turn(kQuantum);
        bill(taker, turn.cost);
        if (turn.left == TurnTaker::Left::Nothing) leave(taker);
        used += std::max<std::size_t>(turn.cost, 1);
    }
}

TurnTaker& FairTurns::choose() {
    TurnShare* share = &root_;
    while (share->role_ == TurnShare::Role::Group) {
        TurnShare& first = share->waiting_.front();
        if (first.credit_ > 0) {
            share = &first;
            continue;
        }
        first.credit_ += kQuantum;
        first.unlink();
        share->waiting_.push_back(first);
    }
    return static_cast<TurnTaker&>(*share);
}

void FairTurns::bill(TurnShare& share, std::size_t cost) {
    for (TurnShare* payer = &share; payer; payer = payer->parent_)
        payer->credit_ = std::max(payer->credit_ - static_cast<std::int64_t>(cost), -kMaxDebt);
}

}  // namespace buzon::broker
