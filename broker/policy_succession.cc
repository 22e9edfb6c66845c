// SPDX-License-Identifier: Apache-2.0
#include "broker/policy_succession.h"

#include <algorithm>
#include <utility>

namespace buzon::broker {

namespace {

// Each some tenths of a millisecond.
constexpr std::size_t kPeersPerTurn = 256;
constexpr std::size_t kRulesPerTurn = 2048;

}  // namespace

void PolicySuccession::begin(bus::Ref<const policy::PolicySet> former) {
    former_.push_back(std::move(former));
    heirs_.clear();
    state_.peers.for_each([this](const Peer& peer) {
        if (peer.has_id()) heirs_.push_back(peer.id());
    });
    state_.loop.in_next_turn(*this);
}

void PolicySuccession::run_task() {
    if (!heirs_.empty()) {
        move_peers();
    } else {
        free_rules();
    }
    if (!is_over()) state_.loop.in_next_turn(*this);
}

void PolicySuccession::move_peers() {
    for (auto left = std::min(heirs_.size(), kPeersPerTurn); left > 0; --left) {
        const PeerId id = heirs_.back();
        heirs_.pop_back();
        Peer* peer = state_.peers.find(id);
        if (!peer) peer = state_.peers.find_monitor(id);
        if (peer) (void)peer->policy(*state_.settings.policy);
    }
}

void PolicySuccession::free_rules() {
    if (!remains_ && !former_.empty()) {
        // Held by one that has not said Hello yet, it goes with that or when that is asked.
        remains_ = policy::PolicyRemains::of(former_.front());
        former_.pop_front();
    }
    if (remains_ && remains_->shrink(kRulesPerTurn)) remains_.reset();
}

}  // namespace buzon::broker
