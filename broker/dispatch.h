// SPDX-License-Identifier: Apache-2.0
// Where a message of a client goes: to the driver, to one receiver, to every match.
// Every message that can't be delivered to whom it names gives its sender an error, signals and
// calls that want no reply included (as with dbus-daemon). Nothing here keeps a message.
// Source: D-Bus Specification, "Message Bus Message Routing".
#pragma once

#include <array>
#include <cstddef>

#include "broker/bus_state.h"
#include "broker/delivery.h"
#include "broker/driver.h"
#include "broker/judge.h"
#include "bus/message.h"

namespace buzon::broker {

class Dispatcher {
public:
    Dispatcher(BusState& state,
               bus::BlockPool& pool,
               const Judge& judge,
               Delivery& delivery,
               Driver& driver,
               PeerRetirer& retirer)
        : state_(state),
          pool_(pool),
          judge_(judge),
          delivery_(delivery),
          driver_(driver),
          retirer_(retirer) {}

    void dispatch(Peer& sender, const bus::Message& message);

private:
    void route(Peer& sender, const bus::Message& message);
    /// `message` with its sender; valid until the next one is stamped.
    [[nodiscard]] bus::OutgoingMessage stamp(const Peer& sender, const bus::Message& message);
    void answer_locally(Peer& sender, const bus::Message& message);
    void to_driver(Peer& sender, const bus::Message& message, const bus::OutgoingMessage& stamped);
    void to_one(Peer& sender, const bus::OutgoingMessage& message);
    void count_refusal(const ErrorReply& refusal);
    [[nodiscard]] Peer* resolve(std::string_view destination) const;
    bus::Result<void, ErrorReply> deliver(Peer& sender,
                                          Peer* receiver,
                                          const bus::OutgoingMessage& message);
    bus::Result<void, ErrorReply> enqueue(const Passage& passage,
                                          Peer& sender,
                                          const bus::OutgoingMessage& message);
    bus::Result<void, ErrorReply> expect_reply(Peer& sender,
                                               const Peer& receiver,
                                               const bus::Header& header);
    /// It has come, or never will. False: nobody has waited for it.
    bool end_wait(Peer& caller, const AwaitedReply& awaited);
    /// Not awaited any more if there are too many.
    bus::Result<void, ErrorReply> charge_reply(Peer& caller, const AwaitedReply& awaited);
    bus::Result<void, ErrorReply> judge_call_to_driver(const Peer& sender,
                                                       const bus::Header& header) const;

    BusState& state_;
    bus::BlockPool& pool_;
    const Judge& judge_;
    Delivery& delivery_;
    Driver& driver_;
    PeerRetirer& retirer_;
    std::array<std::byte, bus::kLargeMessageBytes / 2> stamped_;  // for heads of usual size
};

}  // namespace buzon::broker
