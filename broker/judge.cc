// SPDX-License-Identifier: Apache-2.0
#include "broker/judge.h"

#include <fmt/format.h>

#include "bus/base/log.h"

namespace buzon::broker {

namespace {

/// The names of one peer, as policy rules ask for them: its unique name is one like the others.
class PeerNames final : public policy::NameHolder {
public:
    PeerNames(const NameRegistry& names, const Peer& peer) : names_(names), peer_(peer) {}
    [[nodiscard]] bool holds(std::string_view name) const override {
        return name == peer_.unique_name() || (peer_.has_id() && names_.holds(peer_.id(), name));
    }
    [[nodiscard]] bool holds_below(std::string_view prefix) const override {
        const std::string_view unique = peer_.unique_name();
        if (unique.starts_with(prefix) &&
            (unique.size() == prefix.size() || unique[prefix.size()] == '.')) {
            return true;
        }
        return peer_.has_id() && names_.holds_below(peer_.id(), prefix);
    }
    [[nodiscard]] std::size_t count() const override {
        return 1 + (peer_.has_id() ? names_.count_held_by(peer_.id()) : 0);
    }
    void for_each(policy::NameVisitor& visitor) const override {
        visitor.visit(peer_.unique_name());
        if (!peer_.has_id()) return;
        names_.for_each_held_by(peer_.id(),
                                [&visitor](std::string_view name) { visitor.visit(name); });
    }

private:
    const NameRegistry& names_;
    const Peer& peer_;
};

policy::MessageFacts facts_of(const Passage& passage) {
    const bus::Header& header = passage.header;
    return {
        .type = header.type,
        .path = header.path,
        .interface = header.interface,
        .member = header.member,
        .error_name = header.error_name,
        .destination = header.destination,
        .sender = passage.sender ? passage.sender->unique_name() : bus::kDriverName,
        .is_reply = header.reply_serial != 0,
        .fd_count = header.unix_fds,
    };
}

std::string_view type_name(bus::MessageType type) {
    switch (type) {
        case bus::MessageType::MethodCall: return "method_call";
        case bus::MessageType::MethodReturn: return "method_return";
        case bus::MessageType::Error: return "error";
        case bus::MessageType::Signal: return "signal";
    }
    return "unknown";
}

std::string_view or_unset(std::string_view text) {
    return text.empty() ? "(unset)" : text;
}

std::string describe_peer(const Peer* peer) {
    return peer ? peer->describe() : "(bus)";
}

}  // namespace

policy::Verdict Judge::send_verdict(const Passage& passage) const {
    if (!passage.sender || passage.sender->policy().allows_every_send()) return {.allowed = true};
    const policy::MessageFacts facts = facts_of(passage);
    policy::SendQuery query{.message = facts, .requested_reply = passage.requested_reply};
    if (!passage.receiver) return passage.sender->policy().may_send(query);
    const PeerNames receiver(state_.names, *passage.receiver);
    query.receiver = &receiver;
    return passage.sender->policy().may_send(query);
}

policy::Verdict Judge::receive_verdict(const Passage& passage) const {
    // One that has not said Hello yet is only answered by the driver, whatever the rules say.
    if (!passage.receiver || !passage.receiver->is_active() ||
        passage.receiver->policy().allows_every_receive())
        return {.allowed = true};
    const policy::MessageFacts facts = facts_of(passage);
    policy::ReceiveQuery query{.message = facts,
                               .requested_reply = passage.requested_reply,
                               .eavesdropping = passage.eavesdropping};
    if (!passage.sender) return passage.receiver->policy().may_receive(query);
    const PeerNames sender(state_.names, *passage.sender);
    query.sender = &sender;
    return passage.receiver->policy().may_receive(query);
}

bool Judge::permits(const Passage& passage) const {
    return send_verdict(passage) && receive_verdict(passage);
}

std::optional<Refusal> Judge::refusal_of(const Passage& passage) const {
    const policy::Verdict send = send_verdict(passage);
    if (!send)
        return Refusal{bus::error_name::kAccessDenied,
                       describe(passage, "Rejected send message", send.matched_rules)};
    if (send.log)
        state_.log.security("{}", describe(passage, "Would reject message", send.matched_rules));
    const policy::Verdict receive = receive_verdict(passage);
    if (!receive)
        return Refusal{bus::error_name::kAccessDenied,
                       describe(passage, "Rejected receive message", receive.matched_rules)};
    return std::nullopt;
}

bus::Result<void, Refusal> Judge::decide(const Passage& passage) const {
    auto refusal = refusal_of(passage);
    if (!refusal) return {};
    state_.log.security("{}", refusal->text);
    return bus::Unexpected{std::move(*refusal)};
}

bus::Result<void, Refusal> Judge::has_room(const Passage& passage) const {
    if (!passage.receiver || is_within_limits(passage.receiver->port())) return {};
    // What this turn has queued has not been offered to the socket yet.
    passage.receiver->port().flush();
    if (is_within_limits(passage.receiver->port())) return {};
    auto text = describe(passage, "Rejected: destination has a full message queue", 0);
    state_.log.warning(bus::LogKind{"full queues"}, "{}", text);
    return bus::Unexpected{Refusal{bus::error_name::kLimitsExceeded, std::move(text)}};
}

bool Judge::is_within_limits(const Port& port) const {
    const policy::Limits& limits = state_.settings.limits;
    return port.queued_bytes() <= limits.max_outgoing_bytes &&
           port.queued_descriptors() <= limits.max_outgoing_unix_fds;
}

std::string Judge::describe(const Passage& passage,
                            std::string_view what,
                            std::uint32_t matched_rules) const {
    const bus::Header& header = passage.header;
    return fmt::format(
        R"({}, {} matched rules; type="{}", sender="{}" ({}) interface="{}" member="{}" )"
        R"(error name="{}" requested_reply="{}" destination="{}" ({}))",
        what, matched_rules, type_name(header.type),
        passage.sender ? passage.sender->unique_name() : bus::kDriverName,
        describe_peer(passage.sender), or_unset(header.interface), or_unset(header.member),
        or_unset(header.error_name), passage.requested_reply ? 1 : 0, or_unset(header.destination),
        describe_peer(passage.receiver));
}

}  // namespace buzon::broker
