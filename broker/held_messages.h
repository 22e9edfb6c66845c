// SPDX-License-Identifier: Apache-2.0
// Messages that wait with their senders until their receivers have room: a one-way call, a signal,
// a broadcast of which some receivers have their copy already. While one waits its sender is not
// read, so there is one for each sender, and what the driver says because of it.
// Invariant: bytes are owned and charged to the sender: at least what it was charged for the
// message while that came, and a long list of receivers; and so are descriptors. Where the first
// copies of a broadcast took the last room, they pay for it until they leave, and then what they
// held is kept for it. What is without a charge, as it came in one read with others, counts as put
// aside: there is a bound to that for all together (ReadArena). Source: DESIGN, section 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/in_flight.h"
#include "broker/peer_id.h"
#include "bus/message.h"
#include "bus/receive_buffer.h"

namespace buzon::broker {

enum class HeldKind : std::uint8_t {
    ToOne,
    Broadcast,  // some have no copy yet
    Whole,      // a broadcast of which nobody has a copy: there is no list of those who get one
};

class HeldMessage {
public:
    /// `receivers`: of a broadcast all who get it, so that it can be seen whether most keep up.
    HeldMessage(const bus::OutgoingMessage& message,
                HeldKind kind,
                std::vector<PeerId> receivers,
                std::vector<PeerId> waiting);

    [[nodiscard]] HeldKind kind() const { return kind_; }
    [[nodiscard]] const std::vector<PeerId>& receivers() const { return receivers_; }
    /// Those of them who have no copy yet, in ascending order.
    [[nodiscard]] const std::vector<PeerId>& waiting() const { return waiting_; }
    /// Valid as long as this.
    [[nodiscard]] bus::OutgoingMessage message() const;
    [[nodiscard]] std::size_t held_bytes() const;
    /// Of receivers that one who sends without room may have a list of, charged or not.
    static constexpr std::size_t kShortList = 64;
    /// Of that, for lists of so many receivers.
    [[nodiscard]] static std::size_t list_bytes(std::size_t receivers) {
        return receivers * 2 * sizeof(PeerId);
    }

    /// Charges it to `sender`, if that has room or may overdraw, or as soon as copies leave that
    /// have taken it; what there are none of counts as put aside in `arena`. Descriptors are
    /// charged in any case. False: there are too many, and the sender is to be ended.
    [[nodiscard]] bool charge_to(const bus::Ref<InFlight>& sender, bus::ReadArena& arena);
    void release_charge() {
        charge_.reset();
        debt_.reset();
        uncharged_.release();
    }
    /// Of held_bytes(), what is charged.
    [[nodiscard]] std::size_t charged_bytes() const {
        return (charge_ ? charge_->bytes() : 0) + (debt_ ? debt_->paid_bytes() : 0);
    }
    /// The same of descriptor_count().
    [[nodiscard]] std::size_t charged_descriptors() const {
        return (charge_ ? charge_->descriptors() : 0) + (debt_ ? debt_->paid_descriptors() : 0);
    }
    /// Null: nobody, as there was no room.
    [[nodiscard]] const InFlight* charged() const {
        if (charge_) return &charge_->payer();
        return debt_ ? &debt_->debtor() : nullptr;
    }
    [[nodiscard]] std::size_t descriptor_count() const {
        return descriptors_ ? descriptors_->descriptors.size() : 0;
    }

private:
    [[nodiscard]] bool shares_memory_with_copies() const;
    [[nodiscard]] std::size_t most_bytes_for(const Account& sender) const;
    void charge_later(const bus::Ref<InFlight>& sender, bus::ReadArena& arena);

    HeldKind kind_;
    std::vector<PeerId> receivers_;
    std::vector<PeerId> waiting_;
    std::vector<std::byte> own_head_;
    std::vector<std::byte> own_body_;
    std::span<const std::byte> head_;
    std::span<const std::byte> body_;
    bus::Header header_;
    bus::Ref<const bus::Block> head_owner_;
    bus::Ref<const bus::Block> body_owner_;
    bus::Ref<const bus::DescriptorSet> descriptors_;
    std::size_t bytes_as_sent_;
    std::unique_ptr<WaitingCharge> charge_;
    std::unique_ptr<InFlightDebt> debt_;
    bus::ReadArena::Aside uncharged_;
};

class HeldMessages {
public:
    /// Behind those of the same sender that wait already.
    void keep(PeerId sender, HeldMessage message);
    /// All of `sender`, in their order; they are kept no more.
    [[nodiscard]] std::vector<HeldMessage> take(PeerId sender);
    [[nodiscard]] bool holds_any(PeerId sender) const {
        return !of_.empty() && of_.contains(sender);
    }
    /// In no order.
    template <typename Visitor>
    void for_each(Visitor&& visit) const {
        for (const auto& [sender, messages] : of_)
            for (const HeldMessage& message : messages)
                visit(message);
    }
    /// Whether one of `sender` waits for `receiver`, behind which the next one has to wait.
    [[nodiscard]] bool holds(PeerId sender, PeerId receiver) const {
        return !of_.empty() && is_held(sender, receiver);
    }
    /// Whether a Whole one of `sender` waits, behind which all it sends has to wait.
    [[nodiscard]] bool holds_whole(PeerId sender) const;

private:
    [[nodiscard]] bool is_held(PeerId sender, PeerId receiver) const;

    std::unordered_map<PeerId, std::vector<HeldMessage>> of_;
};

}  // namespace buzon::broker
