// SPDX-License-Identifier: Apache-2.0
#include "broker/delivery.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "broker/body_arguments.h"
#include "bus/base/log.h"

namespace buzon::broker {

namespace {

// What a copy into one more port costs besides its bytes; copying a byte costs an eighth of
// reading and checking one.
constexpr std::size_t kCostPerCopy = 64;
constexpr std::size_t kCopyDiscount = 8;
// What it costs to find no room: the socket is asked, and how long it has taken nothing.
constexpr std::size_t kCostOfNoRoom = 512;
// To find out who has asked for a message: rules can be made that are all looked at for each.
constexpr std::size_t kCostPerLookUp = 32;
// Of a queue that is looked through.
constexpr std::size_t kCostPerPiece = 16;

/// A message and its route in the form that match rules are tested against.
class Subject {
public:
    Subject(const BusState& state, const bus::OutgoingMessage& message, const Route& route)
        : arguments_(message.header.signature, message.body, message.header.order) {
        const bus::Header& header = message.header;
        subject_.type = static_cast<std::uint8_t>(header.type);
        subject_.interface = header.interface;
        subject_.member = header.member;
        subject_.path = header.path;
        subject_.destination = header.destination;
        subject_.sender = route.sender_name;
        subject_.arguments = &arguments_;
        if (route.sender && route.sender->has_id())
            subject_.sender_names = &sender_names_.emplace(state.names, route.sender->id());
        if (route.addressed && route.addressed->has_id()) {
            subject_.recipient = route.addressed->unique_name();
            subject_.recipient_names =
                &recipient_names_.emplace(state.names, route.addressed->id());
        }
    }
    [[nodiscard]] const MatchSubject& get() const { return subject_; }

private:
    BodyArguments arguments_;
    std::optional<NamesOwnedBy> sender_names_;
    std::optional<NamesOwnedBy> recipient_names_;
    MatchSubject subject_;
};

}  // namespace

void Delivery::capture(const bus::OutgoingMessage& message, const Route& route) {
    if (state_.monitor_matches.size() == 0) return;
    auto monitors = std::exchange(monitors_, {});
    find_receivers(state_.monitor_matches, message, route, monitors);
    for (const PeerId id : monitors)
        if (Peer* monitor = state_.peers.find_monitor(id)) deliver_to_monitor(message, *monitor);
    monitors_ = std::move(monitors);
}

void Delivery::find_receivers(MatchIndex& rules,
                              const bus::OutgoingMessage& message,
                              const Route& route,
                              std::vector<PeerId>& receivers) {
    const Subject subject(state_, message, route);
    receivers.clear();
    const std::uint64_t before = rules.look_ups();
    rules.find(subject.get(), receivers);
    charge_work((rules.look_ups() - before) * kCostPerLookUp);
}

void Delivery::deliver_to_monitor(const bus::OutgoingMessage& message, Peer& monitor) {
    if (message.descriptors && !monitor.accepts_descriptors()) return;
    if (Admission::copy_to_eavesdropper(message, monitor) == Admitted::ReceiverGone) {
        ++state_.counts.disconnected_receivers;
        retirer_.retire(monitor, fmt::format("monitor does not read what it asked for ({})",
                                             monitor.port().describe_fullness()));
        return;
    }
    charge_copy(message);
}

Admitted Delivery::deliver(const bus::OutgoingMessage& message,
                           Peer& sender,
                           Peer& receiver,
                           MessageUse use) {
    charge_copy(message);
    return admission_.to_one(message, sender, receiver, use);
}

void Delivery::charge_copy(const bus::OutgoingMessage& message) {
    charge_work(kCostPerCopy + message.size() / kCopyDiscount);
}

void Delivery::charge_work(std::size_t cost) {
    work_ += cost;
    if (cause_) cause_->charge_turn(cost);
}

void Delivery::broadcast(const bus::OutgoingMessage& message, const Route& route, Peer* cause) {
    if (state_.matches.size() == 0) return;
    auto receivers = std::exchange(receivers_, {});
    find_receivers(state_.matches, message, route, receivers);
    Audience audience(state_, receivers, route.sender ? Author::Peer : Author::Driver,
                      cause ? nullptr : leaver_);
    std::optional<InFlightCharge> list;
    std::vector<PeerId> behind;
    const bool may_be_kept = cause && route.sender && message.header.destination.empty();
    if (may_be_kept && !admission_.reserve_list(*cause, audience, list)) {
        charge_work(audience.receivers().size() * kCostPerCopy);
        admission_.keep_whole(message, *cause, audience);
        add_those_who_stay_behind(*cause, audience, behind);
    } else {
        behind = copy_to_all(message, route, cause, audience);
        list.reset();
        if (!audience.waiting().empty()) keep_for_those_waiting(message, *cause, audience, behind);
    }
    receivers_ = std::move(receivers);
    end_those_behind(behind);
}

/// Returns who is to be ended because its queue is full.
std::vector<PeerId> Delivery::copy_to_all(const bus::OutgoingMessage& message,
                                          const Route& route,
                                          Peer* cause,
                                          Audience& audience) {
    const bool eavesdropping = !message.header.destination.empty();
    const PortWrites::FanOut fan_out(writes_, audience.receivers().size());
    std::vector<PeerId> behind;
    for (const PeerId id : audience.receivers()) {
        Peer* receiver = state_.peers.find(id);
        if (!receiver || receiver == route.addressed || receiver->is_ending()) continue;
        const Passage passage{.header = message.header,
                              .sender = route.sender,
                              .receiver = receiver,
                              .eavesdropping = eavesdropping};
        if (!may_have(message, passage)) continue;
        charge_copy(message);
        const Admitted admitted = eavesdropping
                                      ? Admission::copy_to_eavesdropper(message, *receiver)
                                      : admission_.copy(message, cause, *receiver, audience);
        if (admitted != Admitted::Queued) charge_work(kCostOfNoRoom);
        if (admitted == Admitted::ReceiverGone) behind.push_back(id);
    }
    return behind;
}

/// Adds to `behind` who is to be ended so that there is room.
void Delivery::keep_for_those_waiting(const bus::OutgoingMessage& message,
                                      Peer& sender,
                                      Audience& audience,
                                      std::vector<PeerId>& behind) {
    admission_.keep(message, sender, audience);
    add_those_who_stay_behind(sender, audience, behind);
}

void Delivery::add_those_who_stay_behind(const Peer& sender,
                                         Audience& audience,
                                         std::vector<PeerId>& behind) {
    const auto others = admission_.those_who_stay_behind(sender, audience);
    charge_work(others.looked_at * kCostPerPiece);
    behind.insert(behind.end(), others.peers.begin(), others.peers.end());
}

bool Delivery::deliver_held(Peer& sender) {
    work_for(&sender);
    for (const HeldMessage& held : admission_.take_held(sender)) {
        if (sender.is_retired()) {
            admission_.report_dropped(sender, held);
        } else {
            deliver_again(sender, held);
        }
    }
    work_for(nullptr);
    return !sender.is_retired() && !admission_.holds_any(sender);
}

/// Policy was asked when it came; of a broadcast as a whole, it is asked now.
void Delivery::deliver_again(Peer& sender, const HeldMessage& held) {
    const bus::OutgoingMessage message = held.message();
    if (held.kind() == HeldKind::Whole) {
        const Route route{.sender = &sender, .sender_name = message.header.sender};
        return broadcast(message, route, &sender);
    }
    const bool is_to_one = held.kind() == HeldKind::ToOne;
    Audience audience(state_, held.receivers());
    std::vector<PeerId> behind;
    bool is_gone = false;
    bool is_cut_short = false;
    std::optional<PortWrites::FanOut> fan_out(std::in_place, writes_, held.waiting().size());
    for (const PeerId id : held.waiting()) {
        Peer* const receiver = state_.peers.find(id);
        if (!receiver || receiver->is_ending()) {
            is_gone = is_to_one;
            continue;
        }
        is_cut_short = sender.is_retired();
        if (is_cut_short) break;
        charge_copy(message);
        const Admitted admitted =
            is_to_one ? admission_.to_one(message, sender, *receiver, MessageUse::OneWay)
                      : admission_.copy(message, &sender, *receiver, audience);
        if (admitted != Admitted::Queued) charge_work(kCostOfNoRoom);
        if (admitted == Admitted::ReceiverGone) behind.push_back(id);
    }
    fan_out.reset();
    if (sender.is_retired()) {
        drop_rest(sender, held, is_cut_short || !audience.waiting().empty());
    } else if (!audience.waiting().empty()) {
        keep_for_those_waiting(message, sender, audience, behind);
    }
    end_those_behind(behind);
    const bool is_from_sender = message.header.sender == sender.unique_name();
    if ((!is_gone && (!is_to_one || behind.empty())) || !is_from_sender || sender.is_retired())
        return;
    const ErrorReply error = receiver_gone(message.header);
    send_error(sender, message.header.serial, error.error_name, error.text);
}

/// Its own socket has failed just now, and all that is known of it has been forgotten already.
void Delivery::drop_rest(const Peer& sender, const HeldMessage& held, bool is_left) {
    if (is_left) admission_.report_dropped(sender, held);
    admission_.forget(sender);
    admission_.give_up_on(sender);
}

ErrorReply Delivery::receiver_gone(const bus::Header& header) {
    return {bus::error_name::kServiceUnknown,
            fmt::format("{} has been disconnected because its message queue was full",
                        header.destination)};
}

/// Not now: who leaves is told of, and so others may be ended, without end.
void Delivery::end_those_behind(const std::vector<PeerId>& receivers) {
    for (const PeerId id : receivers) {
        Peer* const receiver = state_.peers.find(id);
        if (!receiver || receiver->is_ending()) continue;
        ++state_.counts.disconnected_receivers;
        receiver->end_later(Admission::reason_to_end(*receiver));
        admission_.give_up_on(*receiver);
    }
}

/// What forbids a copy is told to monitors.
bool Delivery::may_have(const bus::OutgoingMessage& message, const Passage& passage) {
    if (!judge_.permits(passage)) {
        if (state_.monitor_matches.size() > 0)
            tell_monitors_of_refusal(passage, *judge_.refusal_of(passage));
        return false;
    }
    if (message.descriptors && !passage.receiver->accepts_descriptors()) {
        tell_monitors_of_refusal(
            passage, {bus::error_name::kNotSupported,
                      "Tried to send message with Unix file descriptors to a client that "
                      "doesn't support that."});
        return false;
    }
    return true;
}

/// An error addressed to the sender, who never gets it: only monitors do. Compat: where the sender
/// is the driver, dbus-daemon shows an error from the driver to itself.
void Delivery::tell_monitors_of_refusal(const Passage& passage, const ErrorReply& refusal) {
    if (state_.monitor_matches.size() == 0) return;
    refusal_builder_.start_body().write_string(refusal.text);
    const auto error = refusal_builder_.build({
        .type = bus::MessageType::Error,
        .flags = bus::kFlagNoReplyExpected,
        .serial = next_serial(),
        .reply_serial = passage.header.serial,
        .error_name = refusal.error_name,
        .destination = passage.sender ? passage.sender->unique_name() : bus::kDriverName,
        .sender = bus::kDriverName,
        .signature = "s",
    });
    capture(error, {.addressed = passage.sender});
}

void Delivery::send_from_driver(Peer& receiver,
                                bus::MessageFields fields,
                                bus::Ref<const bus::DescriptorSet> descriptors) {
    address_from_driver(fields, receiver);
    if (descriptors) fields.unix_fds = static_cast<std::uint32_t>(descriptors->descriptors.size());
    auto message = builder_.build(fields);
    message.descriptors = std::move(descriptors);
    post_from_driver(message, receiver);
}

void Delivery::reply_from_driver(Peer& receiver,
                                 bus::MessageFields fields,
                                 std::span<const std::byte> body,
                                 bus::Ref<const bus::Block> owner) {
    address_from_driver(fields, receiver);
    fields.type = bus::MessageType::MethodReturn;
    post_from_driver(builder_.build_around(body, std::move(owner), fields), receiver);
}

void Delivery::address_from_driver(bus::MessageFields& fields, const Peer& receiver) {
    fields.flags |= bus::kFlagNoReplyExpected;
    fields.serial = next_serial();
    fields.sender = bus::kDriverName;
    fields.destination = receiver.unique_name();
}

void Delivery::post_from_driver(const bus::OutgoingMessage& message, Peer& receiver) {
    const bool is_reply = message.header.reply_serial != 0;
    capture(message, {.addressed = &receiver});
    if (receiver.is_retired() || receiver.is_monitor()) return;
    const Passage passage{
        .header = message.header, .receiver = &receiver, .requested_reply = is_reply};
    const auto verdict = judge_.decide(passage);
    if (verdict) {
        charge_copy(message);
        Peer* const cause = living_cause();
        // Whoever gets a reply has asked for it.
        if (cause && cause != &receiver && !is_reply) {
            admission_.tell(message, *cause, receiver);
        } else if (admission_.answer(message, receiver) == Admitted::ReplyRefused) {
            replace_answer(message.header.reply_serial, receiver);
        }
    } else {
        tell_monitors_of_refusal(passage, verdict.error());
    }
}

void Delivery::replace_answer(std::uint32_t serial, Peer& receiver) {
    ++state_.counts.replaced_replies;
    send_error(receiver, serial, bus::error_name::kLimitsExceeded, kNoRoomForReply);
}

void Delivery::broadcast_from_driver(bus::MessageFields fields) {
    fields.type = bus::MessageType::Signal;
    fields.flags |= bus::kFlagNoReplyExpected;
    fields.serial = next_serial();
    fields.sender = bus::kDriverName;
    const auto message = builder_.build(fields);
    capture(message, {});
    broadcast(message, {}, living_cause());
}

/// Who is to pay for what the driver tells others.
Peer* Delivery::living_cause() const {
    if (leaver_) return nullptr;
    return cause_ && cause_->is_active() && !cause_->is_retired() ? cause_ : nullptr;
}

void Delivery::send_error(Peer& receiver,
                          std::uint32_t serial,
                          std::string_view name,
                          std::string_view text) {
    start_body().write_string(text);
    send_from_driver(receiver, {.type = bus::MessageType::Error,
                                .reply_serial = serial,
                                .error_name = name,
                                .signature = "s"});
}

void Delivery::answer_locally(Peer& receiver, bus::MessageFields fields) {
    fields.flags |= bus::kFlagNoReplyExpected;
    fields.serial = next_serial();
    const auto message = builder_.build(fields);
    charge_copy(message);
    admission_.answer(message, receiver);
}

std::uint32_t Delivery::next_serial() {
    if (++serial_ == 0) ++serial_;
    return serial_;
}

}  // namespace buzon::broker
