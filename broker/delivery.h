// SPDX-License-Identifier: Apache-2.0
// Puts messages into the ports of their receivers: of one peer, of all subscribers, of monitors;
// and writes the driver's own replies, errors and signals.
// Order: whoever calls first is delivered first, to every receiver. Copies for monitors are charged
// to the monitor, which is disconnected at its bound; all others to whoever caused the message.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/admission.h"
#include "broker/bus_state.h"
#include "broker/judge.h"
#include "broker/port_writes.h"
#include "bus/message.h"
#include "bus/message_builder.h"

namespace buzon::broker {

/// Who sent a message (null: the driver) and whom its destination names (null: nobody, or the
/// driver). `sender_name` is what stands in SENDER.
struct Route {
    const Peer* sender = nullptr;
    std::string_view sender_name = bus::kDriverName;
    const Peer* addressed = nullptr;
};

/// Ends a peer; what follows from that (names, replies) is the broker's affair.
class PeerRetirer {
public:
    virtual void retire(Peer& peer, std::string_view reason) = 0;

protected:
    ~PeerRetirer() = default;
};

/// In the place of a reply.
inline constexpr std::string_view kNoRoomForReply =
    "There is no room for the reply: your queue is full, or your program may have no more on the "
    "bus";

class Delivery {
public:
    Delivery(BusState& state,
             const Judge& judge,
             Admission& admission,
             PortWrites& writes,
             PeerRetirer& retirer)
        : state_(state), judge_(judge), admission_(admission), writes_(writes), retirer_(retirer) {}

    /// From here on work is counted on the turn of `cause` (null: of nobody), whoever pays for it.
    void work_for(Peer* cause) { cause_ = cause; }

    /// While it lives, signals of the driver are at the cost of `leaver`, who has retired: what is
    /// told because he goes.
    class Farewell {
    public:
        Farewell(Delivery& delivery, Peer& leaver)
            : delivery_(delivery), former_(std::exchange(delivery.leaver_, &leaver)) {}
        Farewell(const Farewell&) = delete;
        Farewell& operator=(const Farewell&) = delete;
        Farewell(Farewell&&) = delete;
        Farewell& operator=(Farewell&&) = delete;
        ~Farewell() { delivery_.leaver_ = former_; }

    private:
        Delivery& delivery_;
        Peer* former_;
    };

    /// A copy for every monitor whose rules match. Before any check: monitors see refusals too.
    void capture(const bus::OutgoingMessage& message, const Route& route);
    /// To one receiver. Policy has been asked by now.
    Admitted deliver(const bus::OutgoingMessage& message,
                     Peer& sender,
                     Peer& receiver,
                     MessageUse use);
    /// To every subscriber but the one addressed, as far as policy, descriptors and room allow.
    /// A refusal is seen by monitors only. `cause` pays and may be held; null: nobody who lives.
    void broadcast(const bus::OutgoingMessage& message, const Route& route, Peer* cause);

    /// What is held of `sender`, as far as there is room now. True: nothing is held of it any more.
    bool deliver_held(Peer& sender);
    /// For the sender of a message whose receiver has been disconnected for its full queue.
    [[nodiscard]] static ErrorReply receiver_gone(const bus::Header& header);

    /// The body of the next message of the driver; fill it, then call one of those below.
    bus::WireWriter& start_body() { return builder_.start_body(); }
    /// Serial, sender, destination and flags are set here. To `receiver` alone, who pays for a
    /// reply; for anything else whoever caused it.
    void send_from_driver(Peer& receiver,
                          bus::MessageFields fields,
                          bus::Ref<const bus::DescriptorSet> descriptors = nullptr);
    /// A reply of the driver whose body stands in `owner`, which is shared and not copied.
    void reply_from_driver(Peer& receiver,
                           bus::MessageFields fields,
                           std::span<const std::byte> body,
                           bus::Ref<const bus::Block> owner);
    /// A signal of the driver, to all subscribers.
    void broadcast_from_driver(bus::MessageFields fields);
    /// `serial`: of the message that could not be served.
    void send_error(Peer& receiver,
                    std::uint32_t serial,
                    std::string_view name,
                    std::string_view text);
    /// An answer without sender and destination, for calls that name no destination.
    void answer_locally(Peer& receiver, bus::MessageFields fields);

    /// Copies made so far, at what they cost a turn.
    [[nodiscard]] std::uint64_t work() const { return work_; }
    /// Of the driver's messages so far.
    [[nodiscard]] std::uint32_t last_serial() const { return serial_; }

private:
    [[nodiscard]] bool may_have(const bus::OutgoingMessage& message, const Passage& passage);
    std::vector<PeerId> copy_to_all(const bus::OutgoingMessage& message,
                                    const Route& route,
                                    Peer* cause,
                                    Audience& audience);
    void charge_copy(const bus::OutgoingMessage& message);
    void charge_work(std::size_t cost);
    void address_from_driver(bus::MessageFields& fields, const Peer& receiver);
    void post_from_driver(const bus::OutgoingMessage& message, Peer& receiver);
    void deliver_again(Peer& sender, const HeldMessage& held);
    void drop_rest(const Peer& sender, const HeldMessage& held, bool is_left);
    void keep_for_those_waiting(const bus::OutgoingMessage& message,
                                Peer& sender,
                                Audience& audience,
                                std::vector<PeerId>& behind);
    void add_those_who_stay_behind(const Peer& sender,
                                   Audience& audience,
                                   std::vector<PeerId>& behind);
    void end_those_behind(const std::vector<PeerId>& receivers);
    void find_receivers(MatchIndex& rules,
                        const bus::OutgoingMessage& message,
                        const Route& route,
                        std::vector<PeerId>& receivers);
    void deliver_to_monitor(const bus::OutgoingMessage& message, Peer& monitor);
    void replace_answer(std::uint32_t serial, Peer& receiver);
    void tell_monitors_of_refusal(const Passage& passage, const ErrorReply& refusal);
    [[nodiscard]] Peer* living_cause() const;
    [[nodiscard]] std::uint32_t next_serial();

    BusState& state_;
    const Judge& judge_;
    Admission& admission_;
    PortWrites& writes_;
    PeerRetirer& retirer_;
    bus::MessageBuilder builder_;
    bus::MessageBuilder refusal_builder_;
    std::uint32_t serial_ = 0;
    Peer* cause_ = nullptr;
    Peer* leaver_ = nullptr;
    std::uint64_t work_ = 0;
    std::vector<PeerId> receivers_;
    std::vector<PeerId> monitors_;
};

}  // namespace buzon::broker
