// SPDX-License-Identifier: Apache-2.0
#include "broker/admission.h"

#include <cerrno>
#include <chrono>
#include <string>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "bus/base/log.h"

namespace buzon::broker {

namespace {

// A message up to this length goes beyond its sender's shares, who then has to wait; a longer one
// is refused, and so is any into a queue of twice its bound, as there may be many senders.
constexpr std::uint64_t kMostBeyondShare = std::uint64_t{1} << 20;

ReceiverState state_of(const Peer& receiver, Resource resource) {
    const Port& port = receiver.port();
    const bool is_bytes = resource == Resource::Bytes;
    return {.queued = is_bytes ? port.queued_bytes() : port.queued_descriptors(),
            .bound = is_bytes ? port.limits().bytes : port.limits().descriptors,
            .since_drained =
                std::chrono::duration_cast<std::chrono::milliseconds>(port.since_drained())};
}

/// Offers a message, and if there is no room once more when the socket has taken what it takes:
/// what this turn has queued has not been offered to it yet.
bus::Result<void, NoRoom> offer(const bus::OutgoingMessage& message,
                                Peer& receiver,
                                const Peer& payer) {
    auto queued = receiver.port().offer(message, payer.in_flight());
    if (queued || receiver.port().empty()) return queued;
    receiver.port().flush();
    return receiver.port().offer(message, payer.in_flight());
}

const Account* principal_of(const Peer& peer) {
    return peer.account().account().parent();
}

}  // namespace

const Subscribers& Audience::subscribers() {
    if (std::exchange(is_counted_, true)) return subscribers_;
    std::unordered_set<const Account*> all, keeping_up;
    for (const PeerId id : receivers_) {
        const Peer* const receiver = state_.peers.find(id);
        if (!receiver) continue;
        all.insert(principal_of(*receiver));
        if (keeps_up(state_of(*receiver, Resource::Bytes)))
            keeping_up.insert(principal_of(*receiver));
    }
    subscribers_ = {.all = all.size(), .keeping_up = keeping_up.size()};
    return subscribers_;
}

Admitted Admission::to_one(const bus::OutgoingMessage& message,
                           Peer& sender,
                           Peer& receiver,
                           MessageUse use) {
    Peer& payer = use == MessageUse::Reply ? receiver : sender;
    const auto queued = offer(message, receiver, payer);
    if (queued) return Admitted::Queued;
    return resolve(message, sender, receiver,
                   {.use = use,
                    .exhausted = queued.error().exhausted,
                    .receiver = state_of(receiver, queued.error().refusal.resource),
                    .sender_outranks_receiver = outranks(sender, receiver),
                    .stuck_timeout = state_.settings.limits.stuck_timeout});
}

Admitted Admission::copy(const bus::OutgoingMessage& message,
                         Peer* cause,
                         Peer& receiver,
                         Audience& audience) {
    const auto queued = offer(message, receiver, cause ? *cause : receiver);
    if (queued) return Admitted::Queued;
    const ReceiverState state = state_of(receiver, queued.error().refusal.resource);
    if (!cause) {
        // Nobody can be made to wait: up to its bound the receiver gets time.
        if (state.queued >= state.bound) return Admitted::ReceiverGone;
        receiver.port().push(message, receiver.in_flight());
        return Admitted::Queued;
    }
    return resolve(message, *cause, receiver,
                   {.use = MessageUse::Broadcast,
                    .exhausted = queued.error().exhausted,
                    .receiver = state,
                    .subscribers = audience.subscribers(),
                    .sender_outranks_receiver = outranks(*cause, receiver),
                    .stuck_timeout = state_.settings.limits.stuck_timeout});
}

Admitted Admission::copy_to_eavesdropper(const bus::OutgoingMessage& message, Peer& receiver) {
    return offer(message, receiver, receiver) ? Admitted::Queued : Admitted::ReceiverGone;
}

void Admission::answer(const bus::OutgoingMessage& message, Peer& receiver) {
    if (offer(message, receiver, receiver)) return;
    receiver.port().push(message, receiver.in_flight());
    if (receiver.is_active()) {
        throttle_.hold(receiver, receiver, message.size());
    } else {
        receiver.end_later(ENOBUFS);
    }
}

void Admission::tell(const bus::OutgoingMessage& message, Peer& cause, Peer& receiver) {
    // Whoever is at fault ends later: much may be going on with him now.
    if (to_one(message, cause, receiver, MessageUse::OneWay) == Admitted::ReceiverGone)
        receiver.end_later(ENOBUFS);
}

Admitted Admission::resolve(const bus::OutgoingMessage& message,
                            Peer& sender,
                            Peer& receiver,
                            const Congestion& congestion) {
    switch (remedy_for(congestion)) {
        case Remedy::RefuseCall: return Admitted::CallRefused;
        case Remedy::ReplaceReply: return Admitted::ReplyRefused;
        case Remedy::ThrottleSender: return hold(message, sender, receiver, congestion.exhausted);
        case Remedy::DisconnectReceiver: return Admitted::ReceiverGone;
        case Remedy::QueueBeyondShare:
            receiver.port().push(message, sender.in_flight());
            return Admitted::Queued;
    }
    return Admitted::CallRefused;
}

/// A short message goes through, beyond the share: it has been read already. The next one waits.
Admitted Admission::hold(const bus::OutgoingMessage& message,
                         Peer& sender,
                         Peer& receiver,
                         Exhausted exhausted) {
    if (sender.has_hung_up()) return take_from_the_dead(message, sender, receiver);
    const bool is_overfull = receiver.port().queued_bytes() / 2 > receiver.port().limits().bytes;
    if (message.size() > kMostBeyondShare || is_overfull) return Admitted::TooMuch;
    receiver.port().push(message, sender.in_flight());
    if (exhausted == Exhausted::SenderAccount) {
        throttle_.hold_for_bus(sender, message.size());
    } else {
        throttle_.hold(sender, receiver, message.size());
    }
    return Admitted::Queued;
}

Admitted Admission::take_from_the_dead(const bus::OutgoingMessage& message,
                                       Peer& sender,
                                       Peer& receiver) {
    if (!receiver.port().shares().is_full()) {
        receiver.port().push(message, sender.in_flight());
        return Admitted::Queued;
    }
    ++state_.counts.dropped_messages;
    state_.log.warning(bus::LogKind{"messages of those who hung up"},
                       "Dropped a message of {} ({}) to {}: it has hung up, and that queue is full "
                       "({} bytes)",
                       sender.unique_name(), sender.describe(), receiver.unique_name(),
                       receiver.port().queued_bytes());
    return Admitted::Dropped;
}

bool Admission::outranks(const Peer& sender, const Peer& receiver) const {
    return state_.may_administer(sender.user()) && !state_.may_administer(receiver.user());
}

std::string Admission::reason_to_end(const Peer& receiver) {
    return fmt::format(
        "does not keep up with what it has asked for ({} bytes queued, "
        "max_outgoing_bytes={})",
        receiver.port().queued_bytes(), receiver.port().limits().bytes);
}

}  // namespace buzon::broker
