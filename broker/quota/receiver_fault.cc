// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/receiver_fault.h"

namespace buzon::broker {
namespace {

bool is_broadcast_that_most_keep_up_with(const Congestion& congestion) {
    return congestion.use == MessageUse::Broadcast && do_most_keep_up(congestion.subscribers);
}

/// No receiver that is behind may throttle this sender.
bool spares_sender(const Congestion& congestion) {
    return congestion.sender_outranks_receiver || is_broadcast_that_most_keep_up_with(congestion);
}

/// The receiver keeps up, so it is not to blame.
Remedy remedy_for_sender(const Congestion& congestion) {
    const bool is_account = congestion.exhausted == Exhausted::SenderAccount;
    return is_account && is_broadcast_that_most_keep_up_with(congestion) ? Remedy::AwaitOthers
                                                                         : Remedy::ThrottleSender;
}

}  // namespace

Remedy remedy_for(const Congestion& congestion) {
    if (congestion.use == MessageUse::Call) return Remedy::RefuseCall;
    if (congestion.use == MessageUse::Reply) return Remedy::ReplaceReply;

    const ReceiverState& receiver = congestion.receiver;
    const bool is_broadcast = congestion.use == MessageUse::Broadcast;
    if (is_broadcast ? keeps_up(receiver) : has_short_queue(receiver))
        return remedy_for_sender(congestion);
    if (!has_short_queue(receiver) && receiver.since_drained >= congestion.stuck_timeout)
        return Remedy::DisconnectReceiver;
    if (!spares_sender(congestion)) return Remedy::ThrottleSender;

    const bool is_full = congestion.exhausted == Exhausted::ReceiverBound;
    if (is_full || receiver.queued >= receiver.bound) return Remedy::DisconnectReceiver;
    if (congestion.exhausted == Exhausted::SenderShare) return Remedy::QueueBeyondShare;
    return is_broadcast ? Remedy::AwaitOthers : Remedy::DisconnectReceiver;
}

}  // namespace buzon::broker
