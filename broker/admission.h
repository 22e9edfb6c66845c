// SPDX-License-Identifier: Apache-2.0
// Messages into the queues of their receivers, as far as quotas allow, and what becomes of them and
// of those at fault if not: an error, a sender that is not read, a receiver that is disconnected.
// Policy has been asked before. Nothing is dropped without somebody being told.
// Source: DESIGN, section 5, "what is over quota, what happens".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/bus_state.h"
#include "broker/held_messages.h"
#include "broker/peer.h"
#include "broker/quota/receiver_fault.h"
#include "broker/throttle.h"
#include "bus/message.h"

namespace buzon::broker {

/// Who says it. What the driver says is never held, so that all hear its signals in one order: it
/// is queued beyond the share of whoever caused it, who is not read on until there is room.
enum class Author : std::uint8_t { Peer, Driver };

/// Those who get a broadcast. Counted only when one of them has no room.
class Audience {
public:
    Audience(const BusState& state,
             std::span<const PeerId> receivers,
             Author author = Author::Peer,
             const Peer* leaver = nullptr)
        : state_(state), receivers_(receivers), leaver_(leaver), author_(author) {}
    [[nodiscard]] Author author() const { return author_; }
    /// Has retired, and it is because of him; or null.
    [[nodiscard]] const Peer* leaver() const { return leaver_; }
    [[nodiscard]] const Subscribers& subscribers();
    [[nodiscard]] std::span<const PeerId> receivers() const { return receivers_; }
    /// `receiver` gets its copy later.
    void note_waiting(PeerId receiver) { waiting_.push_back(receiver); }
    [[nodiscard]] const std::vector<PeerId>& waiting() const { return waiting_; }
    /// The sender may have no more on the bus, for this receiver or any other.
    void note_account_full() { is_account_full_ = true; }
    [[nodiscard]] bool is_account_full() const { return is_account_full_; }

private:
    const BusState& state_;
    std::span<const PeerId> receivers_;
    std::vector<PeerId> waiting_;
    const Peer* leaver_;
    Author author_;
    bool is_account_full_ = false;
    bool is_counted_ = false;
    Subscribers subscribers_{};
};

enum class Admitted : std::uint8_t {
    Queued,        // the sender may be held from now on
    Held,          // it waits, and its sender is not read until it has been queued
    CallRefused,   // LimitsExceeded to the caller
    ReplyRefused,  // an error takes its place
    ReceiverGone,  // at fault: the caller retires it, when the message is needed no more
};

class Admission {
public:
    Admission(BusState& state, Throttle& throttle, bus::ReadArena& arena)
        : state_(state), throttle_(throttle), arena_(arena) {}

    /// `payer` is charged: the sender, or for a reply the receiver who has asked for it.
    Admitted to_one(const bus::OutgoingMessage& message,
                    Peer& sender,
                    Peer& receiver,
                    MessageUse use);
    /// One copy of a broadcast that `cause` is behind; null: nobody who lives, and the one who
    /// has left pays, or else each receiver. Whoever asks for the copies keep()s the message at the
    /// end, if some of the audience have to wait.
    Admitted copy(const bus::OutgoingMessage& message,
                  Peer* cause,
                  Peer& receiver,
                  Audience& audience);
    /// Before a broadcast begins: that it can be kept for all of a large audience is charged to
    /// `sender` in advance. False: there is no room for that, or it has to wait behind another.
    [[nodiscard]] bool reserve_list(const Peer& sender,
                                    const Audience& audience,
                                    std::optional<InFlightCharge>& list) const;
    /// A broadcast that can't begin: it is tried again as a whole.
    void keep_whole(const bus::OutgoingMessage& message, Peer& sender, Audience& audience);
    /// When all copies have been asked for: who is to be disconnected because `sender` may have no
    /// more on the bus, while most of the audience keep up.
    struct Behind {
        std::vector<PeerId> peers;
        std::size_t looked_at = 0;  // pieces of queues: what it has cost
    };
    [[nodiscard]] Behind those_who_stay_behind(const Peer& sender, Audience& audience) const;
    /// A copy for an eavesdropper, which alone wanted it and pays.
    static Admitted copy_to_eavesdropper(const bus::OutgoingMessage& message, Peer& receiver);
    /// What the driver says to `receiver`, which pays and is not read while it has too much of
    /// that.
    /// ReplyRefused: its program may have no more on the bus, and it is long.
    Admitted answer(const bus::OutgoingMessage& message, Peer& receiver);

    /// A broadcast of which some are waiting for their copies.
    void keep(const bus::OutgoingMessage& message, Peer& sender, const Audience& audience);
    /// What is held of `sender`; nobody holds it any more.
    [[nodiscard]] std::vector<HeldMessage> take_held(const Peer& sender);
    [[nodiscard]] const HeldMessages& held() const { return held_; }
    [[nodiscard]] bool holds_any(const Peer& sender) const {
        return sender.has_id() && held_.holds_any(sender.id());
    }
    /// It is about to be ended for its full queue: nobody waits for it any more.
    void give_up_on(const Peer& receiver) { throttle_.forget(receiver); }
    /// It is gone, and what is still held of it with it; the log says so.
    void forget(const Peer& sender);
    /// The same of what somebody has taken.
    void report_dropped(const Peer& sender, const HeldMessage& held);

    /// What the driver says to `receiver` because of what `cause`, who pays, has done.
    void tell(const bus::OutgoingMessage& message, Peer& cause, Peer& receiver);
    /// For ReceiverGone.
    [[nodiscard]] static std::string reason_to_end(const Peer& receiver);

private:
    /// Why a message has to wait.
    struct Lack {
        Exhausted of;
        MessageUse use;
    };

    Admitted resolve(const bus::OutgoingMessage& message,
                     Peer& sender,
                     Peer& receiver,
                     const Congestion& congestion,
                     Author author);
    Admitted copy_behind_fan_out(const bus::OutgoingMessage& message,
                                 Peer& cause,
                                 Peer& receiver,
                                 Audience& audience);
    static Admitted copy_of_nobody(const bus::OutgoingMessage& message,
                                   const Peer& leaver,
                                   Peer& receiver,
                                   const ReceiverState& state);
    static std::optional<Admitted> say_beyond_account(const bus::OutgoingMessage& message,
                                                      const Peer& cause,
                                                      Peer& receiver,
                                                      const ReceiverState& state);
    Admitted hold(const bus::OutgoingMessage& message,
                  Peer& sender,
                  Peer& receiver,
                  const Lack& lack,
                  Author author);
    Throttle::Reading stop(Peer& sender, Peer& receiver, const Room& wanted, const Lack& lack);
    void keep(const bus::OutgoingMessage& message, Peer& sender, const Peer& receiver);
    void keep(HeldMessage held, Peer& sender);
    [[nodiscard]] bool outranks(const Peer& sender, const Peer& receiver) const;

    BusState& state_;
    Throttle& throttle_;
    bus::ReadArena& arena_;
    HeldMessages held_;
};

}  // namespace buzon::broker
