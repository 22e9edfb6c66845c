// SPDX-License-Identifier: Apache-2.0
#include "broker/departures.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>
#include <vector>

namespace buzon::broker {

namespace {

// In one step; what a piece costs, besides the messages that it leads to.
constexpr std::size_t kPiecesPerStep = 32;
constexpr std::size_t kCostPerPiece = 256;
// Of what is done at once: see hurry(). In the units of FairTurns, and names that are told of
// whether there is room or not.
constexpr std::uint64_t kWorkAtOnce = FairTurns::kTurnBudget / 4;
constexpr std::size_t kNamesInAnyCase = 16;
// Names go on while the account of the one who left has room for so much.
constexpr std::uint64_t kRoomForStep = 64 * 1024;
constexpr auto kRetryInterval = std::chrono::milliseconds(20);

}  // namespace

void Departures::begin(std::unique_ptr<Peer> peer) {
    begin_at(std::move(peer), Departure::Phase::Rules);
}

void Departures::begin_with_queue(std::unique_ptr<Peer> peer) {
    begin_at(std::move(peer), Departure::Phase::Queue);
}

void Departures::begin_at(std::unique_ptr<Peer> peer, Departure::Phase first) {
    const PeerId id = peer->id();
    const bool is_much = state_.count_left_behind_by(id) > kAtOnce;
    // While it hurries others may leave, and the table be made anew.
    Departure& departure =
        *leaving_.emplace(id, std::make_unique<Departure>(*this, std::move(peer), first))
             .first->second;
    const std::uint64_t before = delivery_.work();
    const bool is_done = !is_much && departure.hurry();
    departure.peer().charge_turn(static_cast<std::size_t>(delivery_.work() - before));
    if (is_done) {
        finish(id);
    } else {
        departure.start();
    }
}

/// Whoever is at work now may still use the peer.
void Departures::finish(PeerId id) {
    const auto place = leaving_.find(id);
    state_.loop.dispose_later(std::move(place->second));
    leaving_.erase(place);
}

Peer* Departures::find(PeerId id) const {
    if (Peer* const peer = state_.peers.find(id)) return peer;
    const auto place = leaving_.find(id);
    return place == leaving_.end() ? nullptr : &place->second->peer();
}

bool Departures::answer_for(const Peer& callee, std::size_t most) {
    return state_.replies.forget_callee(callee.id(), most, [this](const AwaitedReply& awaited) {
        Peer* const caller = state_.peers.find(awaited.caller);
        if (!caller) return;
        caller->holdings().lower(Resource::PendingReplies,
                                 state_.replies.count_of_caller(awaited.caller));
        delivery_.send_error(*caller, awaited.serial, bus::error_name::kNoReply,
                             "Message recipient disconnected from message bus without replying");
    });
}

Departures::Departure::Departure(Departures& departures, std::unique_ptr<Peer> peer, Phase first)
    : TurnTaker(&peer->turns()),
      departures_(departures),
      peer_(std::move(peer)),
      phase_(first),
      retry_(departures.state_.loop, [this] { start(); }) {}

bool Departures::Departure::go_on(std::size_t most) {
    const Delivery::Farewell farewell(departures_.delivery_, *peer_);
    switch (phase_) {
        case Phase::Rules: withdraw_rules(most); break;
        case Phase::Places: leave_queues(most); break;
        case Phase::Names: withdraw_names(most); break;
        case Phase::Calls: forget_calls(most); break;
        case Phase::Replies: answer_callers(most); break;
        case Phase::Mentions: withdraw_mentions(most); break;
        case Phase::Queue: empty_queue(most); break;
        case Phase::Gone: break;
    }
    return phase_ == Phase::Gone;
}

bool Departures::Departure::hurry() {
    const std::uint64_t before = departures_.delivery_.work();
    std::size_t names = 0;
    while (phase_ < Phase::Mentions) {
        if (departures_.delivery_.work() - before > kWorkAtOnce) return false;
        if (phase_ == Phase::Names && ++names > kNamesInAnyCase && !may_go_on()) return false;
        (void)go_on(step());
    }
    if (phase_ == Phase::Mentions) (void)go_on(kAtOnce);
    return phase_ == Phase::Queue && go_on(kAtOnce);
}

/// One name may be told to very many.
std::size_t Departures::Departure::step() const {
    return phase_ == Phase::Names ? 1 : kPiecesPerStep;
}

void Departures::Departure::withdraw_rules(std::size_t most) {
    BusState& state = departures_.state_;
    const bool is_last = state.matches.remove_some(peer_->id(), most);
    peer_->holdings().lower(Resource::MatchRules, state.matches.weight_of(peer_->id()));
    if (!is_last) return;
    next_place_ = state.names.newest_of(peer_->id());
    phase_ = Phase::Places;
}

/// Nobody is told, as no owner changes.
void Departures::Departure::leave_queues(std::size_t most) {
    NameRegistry& names = departures_.state_.names;
    for (; most > 0 && next_place_; --most) {
        const std::string name = std::exchange(*next_place_, {});
        next_place_ = names.before(peer_->id(), name);
        if (names.owner_of(name) != peer_->id()) names.release(peer_->id(), name);
    }
    peer_->holdings().lower(Resource::Names, names.count_held_by(peer_->id()));
    if (!next_place_) phase_ = Phase::Names;
}

void Departures::Departure::withdraw_names(std::size_t most) {
    BusState& state = departures_.state_;
    auto name = state.names.newest_of(peer_->id());
    for (; most > 0 && name; --most) {
        const ReleaseOutcome released = state.names.release(peer_->id(), *name);
        if (released.change) departures_.name_signals_.announce(*released.change, peer_.get());
        name = state.names.newest_of(peer_->id());
    }
    peer_->holdings().lower(Resource::Names, state.names.count_held_by(peer_->id()));
    if (name) return;
    departures_.name_signals_.announce_disconnected(*peer_);
    phase_ = Phase::Calls;
}

void Departures::Departure::forget_calls(std::size_t most) {
    ReplyTracker& replies = departures_.state_.replies;
    const bool is_last = replies.forget_caller(peer_->id(), most);
    peer_->holdings().lower(Resource::PendingReplies, replies.count_of_caller(peer_->id()));
    if (is_last) phase_ = Phase::Replies;
}

void Departures::Departure::answer_callers(std::size_t most) {
    if (!departures_.answer_for(*peer_, most)) return;
    mentions_left_ = departures_.state_.matches.size();
    phase_ = Phase::Mentions;
}

/// Those that are added meanwhile may stay, as those that come later; else it might never end.
void Departures::Departure::withdraw_mentions(std::size_t most) {
    MatchIndex& matches = departures_.state_.matches;
    std::vector<PeerId> losers;
    const bool is_last = matches.remove_mentioning_unique(peer_->unique_name(),
                                                          std::min(most, mentions_left_), losers);
    for (const PeerId id : losers)
        if (Peer* const loser = departures_.find(id))
            loser->holdings().lower(Resource::MatchRules, matches.weight_of(id));
    mentions_left_ -= losers.size();
    if (is_last || mentions_left_ == 0) phase_ = Phase::Queue;
}

void Departures::Departure::empty_queue(std::size_t most) {
    if (peer_->port().close_in_parts(most)) phase_ = Phase::Gone;
}

bool Departures::Departure::may_go_on() {
    if (phase_ != Phase::Names) return true;
    const BusState& state = departures_.state_;
    const Account& account = peer_->in_flight()->payer()->account();
    if (!account.share(Resource::Bytes).check(kRoomForStep)) return true;
    if (!waits_since_) waits_since_ = state.loop.now();
    return state.loop.now() - *waits_since_ >= state.settings.limits.stuck_timeout;
}

TurnTaker::Turn Departures::Departure::take_turn(std::size_t budget) {
    const std::uint64_t before = departures_.delivery_.work();
    std::size_t cost = 0;
    do {
        if (!may_go_on()) {
            retry_.arm(departures_.state_.loop.now() + kRetryInterval);
            return {cost + static_cast<std::size_t>(departures_.delivery_.work() - before),
                    Left::Nothing};
        }
        cost += step() * kCostPerPiece;
        if (go_on(step())) {
            departures_.finish(peer_->id());
            return {cost, Left::Nothing};
        }
    } while (cost + (departures_.delivery_.work() - before) < budget);
    return {cost + static_cast<std::size_t>(departures_.delivery_.work() - before), Left::More};
}

}  // namespace buzon::broker
