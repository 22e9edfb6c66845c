// SPDX-License-Identifier: Apache-2.0
#include "broker/admission.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "broker/quota/holdings.h"
#include "broker/quota/overdraft.h"
#include "bus/base/log.h"

namespace buzon::broker {

namespace {

// How long an answer or a reply may be for one whose program may have no more on the bus; he is not
// read then. And what a program that has little holds at most.
constexpr std::size_t kMostBeyondAccount = 4096;
constexpr std::size_t kMostForThoseWhoRead = std::size_t{64} << 10;
constexpr std::size_t kMostForThoseWithLittle = std::size_t{4} << 20;
// How long one that reads nothing gets what nobody has room for.
constexpr auto kLongestUnpaid = std::chrono::milliseconds(250);

/// What can be said of one among a thousand without asking the kernel: not since_drained.
ReceiverState glance_at(const Peer& receiver) {
    const Port& port = receiver.port();
    return {.queued = port.queued_bytes(),
            .bound = port.limits().bytes,
            .since_drained = {},
            .is_lagging = port.lagging_for() >= longest_pause(port.limits().stuck_timeout)};
}

ReceiverState state_of(const Peer& receiver, Resource resource) {
    const Port& port = receiver.port();
    const bool is_bytes = resource == Resource::Bytes;
    return {.queued = is_bytes ? port.queued_bytes() : port.queued_descriptors(),
            .bound = is_bytes ? port.limits().bytes : port.limits().descriptors,
            .since_drained =
                std::chrono::duration_cast<std::chrono::milliseconds>(port.since_drained()),
            .is_lagging = port.lagging_for() >= longest_pause(port.limits().stuck_timeout)};
}

/// Offers a message once more when the socket has taken what it takes.
bus::Result<void, NoRoom> offer_again(const bus::OutgoingMessage& message,
                                      Peer& receiver,
                                      const Peer& payer) {
    receiver.port().flush();
    return receiver.port().offer(message, payer.in_flight());
}

/// Offers a message, and if there is no room once more: what this turn has queued has not been
/// offered to the socket yet.
bus::Result<void, NoRoom> offer(const bus::OutgoingMessage& message,
                                Peer& receiver,
                                const Peer& payer) {
    auto queued = receiver.port().offer(message, payer.in_flight());
    if (queued || receiver.port().empty()) return queued;
    return offer_again(message, receiver, payer);
}

/// The same for one of a thousand receivers: whose socket was full when it was last written to is
/// not asked again as long as it does not say that it takes more.
bus::Result<void, NoRoom> offer_copy(const bus::OutgoingMessage& message,
                                     Peer& receiver,
                                     const Peer& payer) {
    auto queued = receiver.port().offer(message, payer.in_flight());
    if (queued || receiver.port().empty() || receiver.port().is_socket_full()) return queued;
    return offer_again(message, receiver, payer);
}

/// Nothing: who pays has more than little on the bus. Who can't be made to wait for it may have
/// more than others.
std::optional<Overdrawn> overdraft_for(const bus::OutgoingMessage& message,
                                       const Account& payer,
                                       const QuotaRefusal& refusal,
                                       MessageUse use) {
    if (payer.share(Resource::Descriptors).check(message.descriptor_count())) return std::nullopt;
    if (use != MessageUse::OneWay) return overdraft_for_call(payer, refusal);
    if (!may_overdraw(payer, refusal)) return std::nullopt;
    return Overdrawn::Otherwise;
}

/// As long as the error would be that is queued in its place, for which room was reserved.
bool is_within_reserve(const bus::OutgoingMessage& reply) {
    return reply.size() <= Holdings::kBytesPerError && reply.descriptor_count() == 0;
}

bool has_room_on_bus(const Peer& payer, std::uint64_t bytes) {
    return !payer.in_flight()->payer()->account().share(Resource::Bytes).check(bytes);
}

const Account* principal_of(const Peer& peer) {
    return peer.account().account().parent();
}

/// Whether one who has hung up may leave that, beyond his account if need be. Of very many who do
/// each would leave what its socket held, which may be megabytes: so only while half of all is
/// free.
/// With overdrafts, as Throttle asks: what has room there must have it here.
bool may_leave(const bus::OutgoingMessage& message, const Peer& sender) {
    if (sender.in_flight()->has_room_for(message.size(), message.descriptor_count(), true))
        return true;
    const Account& bus = *principal_of(sender)->parent()->parent();
    const std::uint64_t capacity = bus.share(Resource::Bytes).pool().limits().capacity;
    return bus.held(Resource::Bytes) + message.size() <= capacity / 2;
}

/// Whether one who reads gets an answer for which his program has no room on the bus: that may be
/// used up by what others do not read. So a program that holds little can look at a flooded bus.
bool may_exceed_account(const bus::OutgoingMessage& message, const Peer& receiver) {
    if (receiver.port().is_socket_full() || message.descriptor_count() > 0) return false;
    if (message.size() <= kMostBeyondAccount) return true;
    const Account& program = *principal_of(receiver);
    if (!is_room_for_overdraft(*program.parent()->parent(), message.size())) return false;
    return message.size() <= kMostForThoseWhoRead ||
           (message.size() <= kMostForThoseWithLittle &&
            program.held(Resource::Bytes) <= kLittleOnBus);
}

/// Queues a message all the same where only the account of who pays is used up, if he has little on
/// the bus; and a short reply in any case, as the error in its place would be.
bool queue_beyond_account(const bus::OutgoingMessage& message,
                          Peer& receiver,
                          const Peer& payer,
                          const NoRoom& refused,
                          MessageUse use) {
    if (use == MessageUse::Reply && is_within_reserve(message)) {
        receiver.port().push(message, payer.in_flight());
        return true;
    }
    if (refused.exhausted != Exhausted::SenderAccount) return false;
    const Account& account = payer.account().account();
    const auto overdrawn = overdraft_for(message, account, refused.refusal, use);
    if (!overdrawn) return false;
    receiver.port().push(message, payer.in_flight(), *overdrawn);
    return true;
}

/// The same for a longer reply to one who reads.
bool queue_for_reader(const bus::OutgoingMessage& message, Peer& receiver, const NoRoom& refused) {
    if (refused.exhausted != Exhausted::SenderAccount || !may_exceed_account(message, receiver))
        return false;
    receiver.port().push(message, receiver.in_flight());
    return true;
}

}  // namespace

const Subscribers& Audience::subscribers() {
    if (std::exchange(is_counted_, true)) return subscribers_;
    std::unordered_set<const Account*> all, keeping_up;
    for (const PeerId id : receivers_) {
        const Peer* const receiver = state_.peers.find(id);
        if (!receiver) continue;
        all.insert(principal_of(*receiver));
        if (keeps_up(glance_at(*receiver))) keeping_up.insert(principal_of(*receiver));
    }
    subscribers_ = {.all = all.size(), .keeping_up = keeping_up.size()};
    return subscribers_;
}

Admitted Admission::to_one(const bus::OutgoingMessage& message,
                           Peer& sender,
                           Peer& receiver,
                           MessageUse use) {
    const bool is_one_way = use == MessageUse::OneWay;
    if (receiver.is_ending())
        return use == MessageUse::Reply ? Admitted::Queued : Admitted::ReceiverGone;
    Admitted admitted = Admitted::Held;
    if (!is_one_way || !held_.holds(sender.id(), receiver.id())) {
        Peer& payer = use == MessageUse::Reply ? receiver : sender;
        auto queued = receiver.port().offer(message, payer.in_flight());
        // Before the socket is asked: that would be a system call for each of very many.
        if (!queued && queue_beyond_account(message, receiver, payer, queued.error(), use))
            return Admitted::Queued;
        if (!queued && !receiver.port().empty()) queued = offer_again(message, receiver, payer);
        if (queued) return Admitted::Queued;
        if (use == MessageUse::Reply && queue_for_reader(message, receiver, queued.error()))
            return Admitted::Queued;
        admitted = resolve(message, sender, receiver,
                           {.use = use,
                            .exhausted = queued.error().exhausted,
                            .receiver = state_of(receiver, queued.error().refusal.resource),
                            .sender_outranks_receiver = outranks(sender, receiver),
                            .stuck_timeout = receiver.port().limits().stuck_timeout},
                           Author::Peer);
    }
    if (admitted == Admitted::Held) keep(message, sender, receiver);
    return admitted;
}

Admitted Admission::copy(const bus::OutgoingMessage& message,
                         Peer* cause,
                         Peer& receiver,
                         Audience& audience) {
    const Author author = audience.author();
    if (cause && author == Author::Peer && held_.holds(cause->id(), receiver.id())) {
        audience.note_waiting(receiver.id());
        return Admitted::Held;
    }
    if (cause && receiver.port().is_behind_fan_out())
        return copy_behind_fan_out(message, *cause, receiver, audience);
    // Each copy takes the same of it, so none of the others will find room either.
    if (cause && author == Author::Peer && audience.is_account_full()) {
        audience.note_waiting(receiver.id());
        return Admitted::Held;
    }
    const Peer& leaver = audience.leaver() ? *audience.leaver() : receiver;
    const Peer& payer = cause ? *cause : leaver;
    const auto queued = offer_copy(message, receiver, payer);
    if (queued) return Admitted::Queued;
    const ReceiverState state = state_of(receiver, queued.error().refusal.resource);
    if (!cause) return copy_of_nobody(message, leaver, receiver, state);
    const bool is_account = queued.error().exhausted == Exhausted::SenderAccount;
    if (author == Author::Driver && is_account) {
        const auto said = say_beyond_account(message, *cause, receiver, state);
        if (said) return *said;
    }
    const auto admitted = resolve(message, *cause, receiver,
                                  {.use = MessageUse::Broadcast,
                                   .exhausted = queued.error().exhausted,
                                   .receiver = state,
                                   .subscribers = audience.subscribers(),
                                   .sender_outranks_receiver = outranks(*cause, receiver),
                                   .stuck_timeout = receiver.port().limits().stuck_timeout},
                                  author);
    if (admitted == Admitted::ReceiverGone && offer_again(message, receiver, payer))
        return Admitted::Queued;
    if (admitted == Admitted::Held) audience.note_waiting(receiver.id());
    if (admitted == Admitted::Held && is_account) audience.note_account_full();
    return admitted;
}

/// Whoever joins is not to wait because others do not read that: who does not pays himself. Nor
/// because others' queues are full, while this one is written at once; nor because one has only
/// just paused, who is found to be at fault soon. Nothing: the cause has much on the bus, and
/// waits.
std::optional<Admitted> Admission::say_beyond_account(const bus::OutgoingMessage& message,
                                                      const Peer& cause,
                                                      Peer& receiver,
                                                      const ReceiverState& state) {
    if (receiver.port().lagging_for() >= kLongestUnpaid || !receiver.port().is_socket_full())
        return copy_of_nobody(message, receiver, receiver, state);
    if (principal_of(cause)->held(Resource::Bytes) > kLittleOnBus) return std::nullopt;
    receiver.port().push(message, cause.in_flight());
    return Admitted::Queued;
}

bool Admission::reserve_list(const Peer& sender,
                             const Audience& audience,
                             std::optional<InFlightCharge>& list) const {
    const std::size_t receivers = audience.receivers().size();
    if (receivers <= HeldMessage::kShortList) return true;
    if (held_.holds_whole(sender.id())) return false;
    const std::size_t bytes = HeldMessage::list_bytes(receivers);
    if (sender.in_flight()->try_add(bytes, 0)) return false;
    list.emplace(sender.in_flight(), bytes, 0);
    return true;
}

/// Each of a thousand senders would have a list of a thousand receivers, when their account is full
/// before the first copy has been made.
void Admission::keep_whole(const bus::OutgoingMessage& message, Peer& sender, Audience& audience) {
    audience.note_account_full();
    Room wanted = Room::of(message);
    wanted.bytes += HeldMessage::list_bytes(audience.receivers().size());
    throttle_.hold_for_bus(sender, wanted, Throttle::Overdraft::No);
    if (do_most_keep_up(audience.subscribers())) throttle_.ask_again_soon(sender);
    HeldMessage held(message, HeldKind::Whole, {}, {});
    keep(std::move(held), sender);
}

/// Those with most of it first, and no more than it takes to give back half of what the program of
/// `sender` has: who has paused, and has little of it, is not in the way.
Admission::Behind Admission::those_who_stay_behind(const Peer& sender, Audience& audience) const {
    if (!audience.is_account_full()) return {};
    const bool do_most = do_most_keep_up(audience.subscribers());
    std::vector<std::pair<std::uint64_t, PeerId>> lagging;
    std::uint64_t all = 0;
    Behind behind{.peers = {}, .looked_at = audience.receivers().size()};
    for (const PeerId id : audience.receivers()) {
        const Peer* const receiver = state_.peers.find(id);
        if (!receiver || receiver->is_ending()) continue;
        const bool is_lesser = outranks(sender, *receiver);
        if (!do_most && !is_lesser) continue;
        if (!stays_behind(glance_at(*receiver), is_lesser)) continue;
        behind.looked_at += receiver->port().piece_count();
        const std::uint64_t bytes = receiver->port().bytes_of(*principal_of(sender));
        if (bytes > 0) lagging.emplace_back(bytes, id);
        all += bytes;
    }
    const std::uint64_t half = principal_of(sender)->held(Resource::Bytes) / 2;
    if (all < half) return behind;
    std::sort(lagging.rbegin(), lagging.rend());
    std::uint64_t given_back = 0;
    for (const auto& [bytes, id] : lagging) {
        if (given_back >= half) break;
        behind.peers.push_back(id);
        given_back += bytes;
    }
    return behind;
}

/// What is before it has not been offered to the socket yet, so a receiver without room is not to
/// blame, and writing to each of very many now would take long.
Admitted Admission::copy_behind_fan_out(const bus::OutgoingMessage& message,
                                        Peer& cause,
                                        Peer& receiver,
                                        Audience& audience) {
    const auto queued = receiver.port().offer(message, cause.in_flight());
    if (queued) return Admitted::Queued;
    const auto admitted =
        hold(message, cause, receiver, {queued.error().exhausted, MessageUse::Broadcast},
             audience.author());
    if (admitted != Admitted::Held) return admitted;
    audience.note_waiting(receiver.id());
    // It may be others who have it all, and stay behind: that is found out then.
    if (queued.error().exhausted == Exhausted::SenderAccount) throttle_.ask_again_soon(cause);
    return admitted;
}

/// Nobody can be made to wait. A receiver that has only just paused gets time, as always; there is
/// a bound all the same, as nobody else is slowed down. Who has left pays as long as his program
/// has room, however much of that is here; and nobody is ended who reads.
Admitted Admission::copy_of_nobody(const bus::OutgoingMessage& message,
                                   const Peer& leaver,
                                   Peer& receiver,
                                   const ReceiverState& state) {
    const bool is_stuck = state.since_drained >= receiver.port().limits().stuck_timeout;
    if (state.queued / (is_stuck ? 1 : 2) >= state.bound) return Admitted::ReceiverGone;
    for (const Peer* const payer : {&leaver, static_cast<const Peer*>(&receiver)}) {
        if (!has_room_on_bus(*payer, message.size())) continue;
        receiver.port().push(message, payer->in_flight());
        return Admitted::Queued;
    }
    if (receiver.port().lagging_for() >= kLongestUnpaid) return Admitted::ReceiverGone;
    receiver.port().push(message, receiver.in_flight());
    return Admitted::Queued;
}

Admitted Admission::copy_to_eavesdropper(const bus::OutgoingMessage& message, Peer& receiver) {
    return offer(message, receiver, receiver) ? Admitted::Queued : Admitted::ReceiverGone;
}

Admitted Admission::answer(const bus::OutgoingMessage& message, Peer& receiver) {
    const auto queued = offer(message, receiver, receiver);
    if (queued) return Admitted::Queued;
    const Exhausted exhausted = queued.error().exhausted;
    if (!receiver.is_active()) {
        receiver.end_later("does not read what the bus answers before Hello");
        return Admitted::ReceiverGone;
    }
    if (exhausted != Exhausted::SenderAccount || !may_exceed_account(message, receiver)) {
        const bool is_short =
            message.size() <= kMostBeyondAccount && message.descriptor_count() == 0;
        const bool is_refused = !is_short && !has_room_on_bus(receiver, message.size());
        // Who reads gets an error and goes on; who does not waits until that has found room.
        if (!is_refused || receiver.port().is_socket_full())
            (void)stop(receiver, receiver,
                       is_refused ? Room{.bytes = kMostBeyondAccount} : Room::of(message),
                       {exhausted, MessageUse::Reply});
        if (is_refused) return Admitted::ReplyRefused;
    }
    receiver.port().push(message, receiver.in_flight());
    return Admitted::Queued;
}

void Admission::tell(const bus::OutgoingMessage& message, Peer& cause, Peer& receiver) {
    const auto queued = offer(message, receiver, cause);
    if (queued) return;
    const auto admitted = resolve(message, cause, receiver,
                                  {.use = MessageUse::OneWay,
                                   .exhausted = queued.error().exhausted,
                                   .receiver = state_of(receiver, queued.error().refusal.resource),
                                   .sender_outranks_receiver = outranks(cause, receiver),
                                   .stuck_timeout = receiver.port().limits().stuck_timeout},
                                  Author::Driver);
    // Whoever is at fault ends later: much may be going on with him now.
    if (admitted == Admitted::ReceiverGone) receiver.end_later(reason_to_end(receiver));
}

Admitted Admission::resolve(const bus::OutgoingMessage& message,
                            Peer& sender,
                            Peer& receiver,
                            const Congestion& congestion,
                            Author author) {
    switch (remedy_for(congestion)) {
        case Remedy::RefuseCall: return Admitted::CallRefused;
        case Remedy::ReplaceReply: return Admitted::ReplyRefused;
        case Remedy::ThrottleSender:
            return hold(message, sender, receiver, {congestion.exhausted, congestion.use}, author);
        case Remedy::AwaitOthers: {
            const Lack lack{congestion.exhausted, congestion.use};
            const auto held = hold(message, sender, receiver, lack, author);
            if (held == Admitted::Held) throttle_.ask_again_soon(sender);
            return held;
        }
        case Remedy::DisconnectReceiver: return Admitted::ReceiverGone;
        case Remedy::QueueBeyondShare:
            receiver.port().push(message, sender.in_flight());
            return Admitted::Queued;
    }
    return Admitted::CallRefused;
}

/// In a circle of those who wait for each other a message goes through beyond its share, so that
/// the rest of a burst is no deadlock; and that of one who is gone, who sends no more, as far as
/// the queue has room and may_leave(); but not copies of what it has left in its socket for a
/// thousand others, when its program may have no more on the bus.
Admitted Admission::hold(const bus::OutgoingMessage& message,
                         Peer& sender,
                         Peer& receiver,
                         const Lack& lack,
                         Author author) {
    const Port& port = receiver.port();
    const bool is_room_in_queue = port.queued_bytes() + message.size() <= port.limits().bytes;
    const bool is_multiplied = author == Author::Peer && lack.use == MessageUse::Broadcast &&
                               lack.of == Exhausted::SenderAccount;
    const bool is_left_over = sender.has_hung_up() && is_room_in_queue && !is_multiplied;
    if (!is_left_over || !may_leave(message, sender)) {
        const Exhausted exhausted = is_left_over ? Exhausted::SenderAccount : lack.of;
        const auto reading = stop(sender, receiver, Room::of(message), {exhausted, lack.use});
        if (reading == Throttle::Reading::Stopped && author == Author::Peer) return Admitted::Held;
        // It has been said, so nothing waits but what comes next.
        if (reading == Throttle::Reading::Stopped && exhausted == Exhausted::SenderAccount)
            throttle_.ask_again_soon(sender);
    }
    receiver.port().push(message, sender.in_flight());
    return Admitted::Queued;
}

Throttle::Reading Admission::stop(Peer& sender,
                                  Peer& receiver,
                                  const Room& wanted,
                                  const Lack& lack) {
    if (lack.of != Exhausted::SenderAccount) return throttle_.hold(sender, receiver, wanted);
    throttle_.hold_for_bus(
        sender, wanted,
        lack.use == MessageUse::Broadcast ? Throttle::Overdraft::No : Throttle::Overdraft::Yes);
    return Throttle::Reading::Stopped;
}

void Admission::keep(const bus::OutgoingMessage& message, Peer& sender, const Peer& receiver) {
    keep(HeldMessage(message, HeldKind::ToOne, {receiver.id()}, {receiver.id()}), sender);
}

void Admission::keep(const bus::OutgoingMessage& message, Peer& sender, const Audience& audience) {
    const auto receivers = audience.receivers();
    keep(HeldMessage(message, HeldKind::Broadcast, {receivers.begin(), receivers.end()},
                     audience.waiting()),
         sender);
}

void Admission::keep(HeldMessage held, Peer& sender) {
    const std::size_t descriptors = held.descriptor_count();
    if (!held.charge_to(sender.in_flight(), arena_))
        sender.end_later(
            fmt::format("sent a message with {} file descriptors for which there is no room, while "
                        "its program may have no more",
                        descriptors));
    held_.keep(sender.id(), std::move(held));
}

std::vector<HeldMessage> Admission::take_held(const Peer& sender) {
    auto taken = held_.take(sender.id());
    // Each would be in its own way.
    for (HeldMessage& held : taken)
        held.release_charge();
    return taken;
}

void Admission::forget(const Peer& sender) {
    if (!sender.has_id()) return;
    for (const HeldMessage& held : held_.take(sender.id()))
        report_dropped(sender, held);
}

void Admission::report_dropped(const Peer& sender, const HeldMessage& held) {
    ++state_.counts.dropped_messages;
    state_.log.warning(bus::LogKind{"dropped messages"}, sender.log_party(),
                       "Dropped a message of {} ({}), {} bytes, for which {} had no room: its "
                       "sender has been disconnected",
                       sender.unique_name(), sender.describe(), held.message().size(),
                       held.kind() == HeldKind::Whole
                           ? "its program has"
                           : fmt::format("{} receivers have", held.waiting().size()));
}

bool Admission::outranks(const Peer& sender, const Peer& receiver) const {
    return state_.may_administer(sender.user()) && !state_.may_administer(receiver.user());
}

std::string Admission::reason_to_end(const Peer& receiver) {
    return fmt::format("does not keep up with what it has asked for ({})",
                       receiver.port().describe_fullness());
}

}  // namespace buzon::broker
