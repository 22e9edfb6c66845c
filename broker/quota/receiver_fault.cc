// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/receiver_fault.h"

namespace buzon::broker {
namespace {

bool is_most_keeping_up(const Subscribers& subscribers) {
    return subscribers.keeping_up > subscribers.all - subscribers.keeping_up;
}

/// No receiver that is behind may throttle this sender.
bool spares_sender(const Congestion& congestion) {
    if (congestion.sender_outranks_receiver) return true;
    return congestion.use == MessageUse::Broadcast && is_most_keeping_up(congestion.subscribers);
}

}  // namespace

Remedy remedy_for(const Congestion& congestion) {
    if (congestion.use == MessageUse::Call) return Remedy::RefuseCall;
    if (congestion.use == MessageUse::Reply) return Remedy::ReplaceReply;

    const ReceiverState& receiver = congestion.receiver;
    if (keeps_up(receiver)) return Remedy::ThrottleSender;
    if (receiver.since_drained >= congestion.stuck_timeout) return Remedy::DisconnectReceiver;
    if (!spares_sender(congestion)) return Remedy::ThrottleSender;

    const bool is_share = congestion.exhausted == Exhausted::SenderShare;
    return is_share && receiver.queued < receiver.bound ? Remedy::QueueBeyondShare
                                                        : Remedy::DisconnectReceiver;
}

}  // namespace buzon::broker
