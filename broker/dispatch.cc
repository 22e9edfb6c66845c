// SPDX-License-Identifier: Apache-2.0
#include "broker/dispatch.h"

#include <fmt/format.h>

namespace buzon::broker {

namespace {

bool is_known_type(bus::MessageType type) {
    return type >= bus::MessageType::MethodCall && type <= bus::MessageType::Signal;
}

MessageUse use_of(const Passage& passage) {
    if (passage.requested_reply) return MessageUse::Reply;
    return passage.header.expects_reply() ? MessageUse::Call : MessageUse::OneWay;
}

}  // namespace

void Dispatcher::dispatch(Peer& sender, const bus::Message& message) {
    ++state_.counts.messages;
    delivery_.work_for(&sender);
    route(sender, message);
    delivery_.work_for(nullptr);
}

void Dispatcher::route(Peer& sender, const bus::Message& message) {
    const bus::Header& header = message.header();
    if (sender.is_monitor()) {
        retirer_.retire(sender, "sent a message although it is a monitor");
        return;
    }
    if (header.destination.empty() && header.type != bus::MessageType::Signal) {
        answer_locally(sender, message);
        return;
    }
    const bus::OutgoingMessage outgoing = stamp(sender, message);
    if (outgoing.size() > bus::kMaxMessageBytes) {
        delivery_.send_error(
            sender, header.serial, bus::error_name::kLimitsExceeded,
            fmt::format("With its sender the message would be longer than {} bytes",
                        bus::kMaxMessageBytes));
        return;
    }
    if (header.destination == bus::kDriverName) {
        to_driver(sender, message, outgoing);
    } else if (!sender.is_active()) {
        delivery_.capture(outgoing, {&sender, sender.unique_name(), nullptr});
        retirer_.retire(sender, "sent a message to others before Hello");
    } else if (header.destination.empty()) {
        const Route route{&sender, sender.unique_name(), nullptr};
        delivery_.capture(outgoing, route);
        delivery_.broadcast(outgoing, route, &sender);
    } else {
        to_one(sender, outgoing);
    }
}

bus::OutgoingMessage Dispatcher::stamp(const Peer& sender, const bus::Message& message) {
    const std::string_view name = sender.unique_name();
    const std::size_t room = bus::stamped_bytes_at_most(message.header(), name);
    const auto write_to = [&](std::span<std::byte> out) {
        return out.first(bus::stamp_sender(message.header(), message.head(), name, out));
    };
    if (room <= stamped_.size()) return message.with_head(write_to(stamped_));
    // A path may have megabytes: such a head is shared by all receivers, as a large body is.
    const bus::Ref<bus::Block> block = pool_.take(room);
    return message.with_head(write_to({block->data(), block->capacity()}), block);
}

/// Without a destination the message is for the connection itself, as between two peers.
void Dispatcher::answer_locally(Peer& sender, const bus::Message& message) {
    if (message.header().type == bus::MessageType::MethodCall)
        driver_.answer_as_connection(sender, message.header());
}

void Dispatcher::to_driver(Peer& sender,
                           const bus::Message& message,
                           const bus::OutgoingMessage& stamped) {
    delivery_.capture(stamped, {&sender, sender.unique_name(), nullptr});
    const bool was_active = sender.is_active();
    auto outcome = judge_call_to_driver(sender, message.header());
    if (outcome) outcome = driver_.handle(sender, stamped);
    if (sender.is_retired()) return;
    if (!outcome) {
        count_refusal(outcome.error());
        delivery_.send_error(sender, message.header().serial, outcome.error().error_name,
                             outcome.error().text);
    } else if (state_.matches.has_eavesdroppers()) {
        const Route route{&sender, sender.unique_name(), nullptr};
        // Compat: Hello reaches eavesdroppers from the name that it has given.
        const bool is_named_now = was_active != sender.is_active();
        delivery_.broadcast(is_named_now ? stamp(sender, message) : stamped, route, &sender);
    }
}

bus::Result<void, ErrorReply> Dispatcher::judge_call_to_driver(const Peer& sender,
                                                               const bus::Header& header) const {
    if (!is_known_type(header.type))
        return refuse(bus::error_name::kAccessDenied,
                      "Message bus will not accept messages of "
                      "unknown type");
    if (!sender.is_active()) {
        const bool is_hello = header.type == bus::MessageType::MethodCall &&
                              header.member == "Hello" &&
                              (header.interface.empty() || header.interface == bus::kDriverName);
        if (is_hello) return {};
        return refuse(bus::error_name::kAccessDenied,
                      "Client tried to send a message other than Hello without being registered");
    }
    return judge_.decide({.header = header, .sender = &sender});
}

void Dispatcher::count_refusal(const ErrorReply& refusal) {
    if (refusal.error_name == bus::error_name::kLimitsExceeded) ++state_.counts.refused_calls;
}

Peer* Dispatcher::resolve(std::string_view destination) const {
    if (destination.front() == ':') return state_.peers.find(destination);
    const auto owner = state_.names.owner_of(destination);
    return owner ? state_.peers.find(*owner) : nullptr;
}

void Dispatcher::to_one(Peer& sender, const bus::OutgoingMessage& message) {
    Peer* receiver = resolve(message.header.destination);
    const Route route{&sender, sender.unique_name(), receiver};
    delivery_.capture(message, route);
    const std::uint32_t serial = message.header.serial;
    const auto outcome = deliver(sender, receiver, message);
    if (!outcome) {
        count_refusal(outcome.error());
        delivery_.send_error(sender, serial, outcome.error().error_name, outcome.error().text);
    } else if (state_.matches.has_eavesdroppers()) {
        delivery_.broadcast(message, route, &sender);
    }
}

bus::Result<void, ErrorReply> Dispatcher::deliver(Peer& sender,
                                                  Peer* receiver,
                                                  const bus::OutgoingMessage& message) {
    const bus::Header& header = message.header;
    if (!receiver) {
        if (header.flags & bus::kFlagNoAutoStart)
            return refuse(bus::error_name::kNameHasNoOwner,
                          fmt::format("Name \"{}\" does not exist", header.destination));
        return refuse(
            bus::error_name::kServiceUnknown,
            fmt::format("The name {} was not provided by any .service files", header.destination));
    }
    if (!is_known_type(header.type))
        return refuse(bus::error_name::kAccessDenied,
                      "Message bus will not accept messages of unknown type");

    Passage passage{.header = header, .sender = &sender, .receiver = receiver};
    passage.requested_reply =
        header.reply_serial != 0 &&
        end_wait(*receiver, {receiver->id(), sender.id(), header.reply_serial});
    if (auto verdict = judge_.decide(passage); !verdict) return verdict;
    if (message.descriptors && !receiver->accepts_descriptors())
        return refuse(bus::error_name::kNotSupported,
                      "Tried to send message with Unix file descriptors to a client that doesn't "
                      "support that.");
    if (header.expects_reply())
        if (auto expected = expect_reply(sender, *receiver, header); !expected) return expected;
    return enqueue(passage, sender, message);
}

bus::Result<void, ErrorReply> Dispatcher::enqueue(const Passage& passage,
                                                  Peer& sender,
                                                  const bus::OutgoingMessage& message) {
    Peer& receiver = *passage.receiver;
    switch (delivery_.deliver(message, sender, receiver, use_of(passage))) {
        case Admitted::Queued:
        case Admitted::Held: return {};
        case Admitted::CallRefused:
            end_wait(sender, {sender.id(), receiver.id(), message.header.serial});
            return bus::Unexpected{judge_.full_queue(passage)};
        case Admitted::ReplyRefused:
            ++state_.counts.replaced_replies;
            delivery_.send_error(receiver, message.header.reply_serial,
                                 bus::error_name::kLimitsExceeded, kNoRoomForReply);
            return {};
        case Admitted::ReceiverGone: break;
    }
    // Who is about to be ended already is so for a reason of its own.
    if (!receiver.is_ending()) {
        ++state_.counts.disconnected_receivers;
        retirer_.retire(receiver, Admission::reason_to_end(receiver));
    }
    return bus::Unexpected{Delivery::receiver_gone(message.header)};
}

bool Dispatcher::end_wait(Peer& caller, const AwaitedReply& awaited) {
    const auto still_awaited = state_.replies.take(awaited);
    if (!still_awaited) return false;
    caller.holdings().lower(Resource::PendingReplies, *still_awaited);
    return true;
}

bus::Result<void, ErrorReply> Dispatcher::charge_reply(Peer& caller, const AwaitedReply& awaited) {
    const auto refused = caller.holdings().cover(Resource::PendingReplies,
                                                 state_.replies.count_of_caller(caller.id()));
    if (!refused) return {};
    state_.replies.take(awaited);
    state_.log.warning(bus::LogKind{"quotas"}, caller.log_party(), "Call of {} ({}) refused: {}",
                       caller.unique_name(), caller.describe(), describe(*refused));
    // Bytes are reserved for the error that may come in its place.
    const bool is_room = refused->resource == Resource::Bytes;
    auto text =
        is_room ? fmt::format(
                      "There is no room on the bus for the reply: that of this {} is "
                      "used up",
                      name_of(refused->level))
                : fmt::format("Too many replies are awaited by this {}", name_of(refused->level));
    return refuse(bus::error_name::kLimitsExceeded, std::move(text));
}

bus::Result<void, ErrorReply> Dispatcher::expect_reply(Peer& sender,
                                                       const Peer& receiver,
                                                       const bus::Header& header) {
    const auto most = state_.limits_for(sender.user()).max_replies_per_connection;
    const auto expected =
        state_.replies.expect({sender.id(), receiver.id(), header.serial}, state_.loop.now(), most);
    if (expected) return charge_reply(sender, {sender.id(), receiver.id(), header.serial});
    switch (expected.error()) {
        case ExpectError::Duplicate:
            return refuse(bus::error_name::kAccessDenied,
                          "Message has the same reply serial as a currently-outstanding existing "
                          "method call");
        case ExpectError::LimitExceeded: break;
    }
    auto text = fmt::format(
        "The maximum number of pending replies per connection has been reached "
        "(max_replies_per_connection={})",
        most);
    state_.log.warning(bus::LogKind{"limits"}, sender.log_party(), "Connection {} ({}): {}",
                       sender.unique_name(), sender.describe(), text);
    return refuse(bus::error_name::kLimitsExceeded, std::move(text));
}

}  // namespace buzon::broker
