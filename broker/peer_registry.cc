// SPDX-License-Identifier: Apache-2.0
#include "broker/peer_registry.h"

#include <cassert>

namespace buzon::broker {

Peer& PeerRegistry::adopt(std::unique_ptr<Peer> peer) {
    Peer& adopted = *peer;
    Program& program = program_of(adopted);
    program.peers.push_back(adopted);
    ++program.incomplete;
    by_account_[adopted.account().account().id()] = &adopted;
    peers_[&adopted] = std::move(peer);
    return adopted;
}

PeerId PeerRegistry::activate(Peer& peer) {
    const PeerId id{next_id_++};
    peer.become_active(id);
    Program& program = program_of(peer);
    --program.incomplete;
    ++program.complete;
    Active& active = by_id_[id];
    active.peer = &peer;
    unique_names_.add(peer.unique_name(), active.listed_at);
    ++complete_;
    if (const auto user = peer.user()) ++complete_by_user_[*user];
    return id;
}

PeerRegistry::Program& PeerRegistry::program_of(const Peer& peer) {
    auto& program = programs_[peer.account().account().parent()];
    if (!program) program = std::make_unique<Program>();
    return *program;
}

void PeerRegistry::leave_program(Peer& peer) {
    Program& program = program_of(peer);
    --(peer.has_id() ? program.complete : program.incomplete);
    peer.unlink();
    if (program.peers.empty()) programs_.erase(peer.account().account().parent());
}

const PeerRegistry::Program* PeerRegistry::find_program(const Account& principal) const {
    const auto* program = programs_.find(&principal);
    return program ? program->get() : nullptr;
}

std::size_t PeerRegistry::incomplete_count_of(const Account& principal) const {
    const Program* program = find_program(principal);
    return program ? program->incomplete : 0;
}

const Peer* PeerRegistry::one_of(const Account& principal) const {
    const Program* program = find_program(principal);
    return program ? &program->peers.front() : nullptr;
}

void PeerRegistry::leave_active(PeerId id) {
    const Active* const active = by_id_.find(id);
    if (!active) return;
    unique_names_.remove(active->listed_at);
    by_id_.erase(id);
}

void PeerRegistry::hide(Peer& peer) {
    leave_active(peer.id());
    monitors_[peer.id()] = &peer;
    peer.become_monitor();
}

std::unique_ptr<Peer> PeerRegistry::release(Peer& peer) {
    auto* found = peers_.find(&peer);
    assert(found);
    auto released = std::move(*found);
    peers_.erase(&peer);
    by_account_.erase(released->account().account().id());
    leave_program(*released);
    if (!released->has_id()) return released;
    leave_active(released->id());
    monitors_.erase(released->id());
    --complete_;
    if (const auto user = released->user()) {
        const auto count = complete_by_user_.find(*user);
        if (--count->second == 0) complete_by_user_.erase(count);
    }
    return released;
}

Peer* PeerRegistry::find(PeerId id) const {
    const Active* const found = by_id_.find(id);
    return found ? found->peer : nullptr;
}

Peer* PeerRegistry::find(AccountId account) const {
    Peer* const* found = by_account_.find(account);
    return found ? *found : nullptr;
}

Peer* PeerRegistry::find_monitor(PeerId id) const {
    Peer* const* found = monitors_.find(id);
    return found ? *found : nullptr;
}

Peer* PeerRegistry::find(std::string_view unique_name) const {
    const auto id = parse_unique_name(unique_name);
    return id ? find(*id) : nullptr;
}

std::size_t PeerRegistry::complete_count_of(const Account& principal) const {
    const Program* const program = find_program(principal);
    return program ? program->complete : 0;
}

std::size_t PeerRegistry::complete_count_of(uid_t user) const {
    const auto found = complete_by_user_.find(user);
    return found == complete_by_user_.end() ? 0 : found->second;
}

}  // namespace buzon::broker
