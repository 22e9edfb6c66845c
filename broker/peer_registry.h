// SPDX-License-Identifier: Apache-2.0
// The owner of all peers. Gives out unique names, finds peers by them, counts them by user.
// Invariant: a peer is found from Hello until it retires or becomes a monitor.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "broker/name_list.h"
#include "broker/peer.h"
#include "broker/peer_id.h"
#include "bus/base/hash.h"
#include "bus/base/intrusive_list.h"
#include "bus/base/slab_map.h"

namespace buzon::broker {

class PeerRegistry {
public:
    Peer& adopt(std::unique_ptr<Peer> peer);
    /// The next unique name, for `peer` that has none yet.
    PeerId activate(Peer& peer);
    /// `peer` becomes a monitor: no destination any more, found by find_monitor() only.
    void hide(Peer& peer);
    /// Takes a peer out; it is the caller's to dispose of.
    std::unique_ptr<Peer> release(Peer& peer);

    [[nodiscard]] Peer* find(PeerId id) const;
    [[nodiscard]] Peer* find_monitor(PeerId id) const;
    /// By `:1.42`.
    [[nodiscard]] Peer* find(std::string_view unique_name) const;

    /// The one whose connection has this account; null if it is gone.
    [[nodiscard]] Peer* find(AccountId account) const;

    [[nodiscard]] std::size_t incomplete_count() const { return peers_.size() - complete_; }
    /// Of the incomplete ones, those of one program.
    [[nodiscard]] std::size_t incomplete_count_of(const Account& principal) const;
    /// The one of that program that has been here longest; null if there is none.
    [[nodiscard]] const Peer* one_of(const Account& principal) const;
    [[nodiscard]] std::size_t complete_count() const { return complete_; }
    /// Of the complete ones.
    [[nodiscard]] std::size_t monitor_count() const { return monitors_.size(); }
    [[nodiscard]] std::size_t complete_count_of(uid_t user) const;
    [[nodiscard]] std::size_t complete_count_of(const Account& principal) const;

    /// Active peers, in no order.
    template <typename Visitor>
    void for_each_active(Visitor&& visit) const {
        by_id_.for_each([&](PeerId, const Active& active) { visit(*active.peer); });
    }
    /// Of active peers.
    [[nodiscard]] const NameList& unique_names() const { return unique_names_; }
    /// Every peer, whatever its stage.
    template <typename Visitor>
    void for_each(Visitor&& visit) const {
        peers_.for_each([&](const Peer*, const std::unique_ptr<Peer>& peer) { visit(*peer); });
    }

private:
    struct Active {
        Peer* peer = nullptr;
        std::size_t listed_at = 0;  // in unique_names_
    };
    /// Exists while it has peers.
    struct Program {
        bus::IntrusiveList<Peer, OfOneProgram> peers;
        std::size_t incomplete = 0;
        std::size_t complete = 0;
    };

    [[nodiscard]] Program& program_of(const Peer& peer);
    [[nodiscard]] const Program* find_program(const Account& principal) const;
    void leave_program(Peer& peer);
    void leave_active(PeerId id);

    bus::SlabMap<const Peer*, std::unique_ptr<Peer>, bus::AddressHash> peers_;
    bus::SlabMap<PeerId, Active, bus::IdHash> by_id_;
    NameList unique_names_;
    bus::SlabMap<PeerId, Peer*, bus::IdHash> monitors_;
    bus::SlabMap<AccountId, Peer*, bus::IdHash> by_account_;
    std::unordered_map<uid_t, std::size_t> complete_by_user_;
    bus::SlabMap<const Account*, std::unique_ptr<Program>, bus::AddressHash> programs_;
    std::size_t complete_ = 0;
    std::uint64_t next_id_ = 0;
};

}  // namespace buzon::broker
