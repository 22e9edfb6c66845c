// SPDX-License-Identifier: Apache-2.0
#include "broker/judge.h"

#include <algorithm>

#include <fmt/format.h>

#include "bus/base/log.h"

namespace buzon::broker {

namespace {

constexpr bus::LogKind kDenials{"policy denials"};
constexpr bus::LogKind kPermissiveLog{"permissive mode"};
// A rule may be as long as its file, and whoever is denied something decides how often it is told.
constexpr std::size_t kMaxRuleBytes = 1024;

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
    [[nodiscard]] const policy::HeldWords* held_words(
        const policy::Vocabulary& vocabulary) const override {
        return peer_.has_id() ? names_.words_of(peer_.id(), vocabulary) : nullptr;
    }
    [[nodiscard]] std::string_view unique_name() const override { return peer_.unique_name(); }

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

void add_peer(const Peer* peer, LogText& text) {
    if (peer) {
        text.add(peer->credentials(), peer->process_name());
    } else {
        text.add("(bus)");
    }
}

bus::LogLevel level_of(const bus::LogKind& kind) {
    return kind.name == kDenials.name ? bus::LogLevel::Security : bus::LogLevel::Warning;
}

/// What the driver sends is asked for by who gets it.
const Peer* cause_of(const Passage& passage) {
    return passage.sender ? passage.sender : passage.receiver;
}

}  // namespace

std::string reason_for_denial(const policy::PolicySet& policy, const policy::Rule* rule) {
    if (!rule) return "denied because no rule allows it";
    std::string text = policy::to_text(*rule);
    if (text.size() > kMaxRuleBytes) {
        std::size_t end = kMaxRuleBytes;
        while ((static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80)
            --end;  // not within a character
        text = text.substr(0, end) + "...";
    }
    return fmt::format("denied by {}: {}", policy.files().describe(rule->location), text);
}

policy::Verdict Judge::send_verdict(const Passage& passage) const {
    if (!passage.sender) return {.allowed = true};
    const policy::PolicySnapshot& rules = passage.sender->policy(policy());
    if (rules.allows_every_send()) return {.allowed = true};
    const policy::MessageFacts facts = facts_of(passage);
    policy::SendQuery query{.message = facts, .requested_reply = passage.requested_reply};
    if (!passage.receiver) return rules.may_send(query);
    const PeerNames receiver(state_.names, *passage.receiver);
    query.receiver = &receiver;
    return rules.may_send(query);
}

policy::Verdict Judge::receive_verdict(const Passage& passage) const {
    // One that has not said Hello yet is only answered by the driver, whatever the rules say.
    if (!passage.receiver || !passage.receiver->is_active()) return {.allowed = true};
    const policy::PolicySnapshot& rules = passage.receiver->policy(policy());
    if (rules.allows_every_receive()) return {.allowed = true};
    const policy::MessageFacts facts = facts_of(passage);
    policy::ReceiveQuery query{.message = facts,
                               .requested_reply = passage.requested_reply,
                               .eavesdropping = passage.eavesdropping};
    if (!passage.sender) return rules.may_receive(query);
    const PeerNames sender(state_.names, *passage.sender);
    query.sender = &sender;
    return rules.may_receive(query);
}

std::optional<Judge::Denial> Judge::find_denial(const Passage& passage,
                                                const policy::Verdict& send) const {
    if (!send) return Denial{"Rejected send message", send};
    const policy::Verdict receive = receive_verdict(passage);
    if (receive) return std::nullopt;
    return Denial{"Rejected receive message", receive};
}

bool Judge::permits(const Passage& passage) const {
    const auto denial = find_denial(passage, send_verdict(passage));
    return !denial || tolerates(passage, *denial);
}

std::optional<ErrorReply> Judge::refusal_of(const Passage& passage) const {
    const auto denial = find_denial(passage, send_verdict(passage));
    if (!denial || tolerates(passage, *denial)) return std::nullopt;
    return word_refusal(passage, *denial);
}

bus::Result<void, ErrorReply> Judge::decide(const Passage& passage) const {
    const policy::Verdict send = send_verdict(passage);
    if (send.log && admits(kDenials, cause_of(passage))) {
        const auto& files = policy().files();
        auto text = describe(passage, "Would reject message", send.matched_rules);
        text.add(fmt::format("; logged by {}", files.describe(send.rule->location)));
        state_.denials->write(level_of(kDenials), std::move(text));
    }
    const auto denial = find_denial(passage, send);
    if (!denial || tolerates(passage, *denial)) return {};
    if (admits(kDenials, cause_of(passage)))
        state_.denials->write(level_of(kDenials), word_for_log(passage, *denial));
    return bus::Unexpected{word_refusal(passage, *denial)};
}

bus::Result<void, ErrorReply> Judge::decide_own(const Peer& peer, std::string_view name) const {
    const policy::PolicySnapshot& rules = peer.policy(policy());
    if (rules.allows_every_own()) return {};
    const policy::Verdict verdict = rules.may_own(name);
    if (verdict) return {};
    auto text = fmt::format(
        "Connection \"{}\" is not allowed to own the service \"{}\" due to "
        "security policies in the configuration file",
        peer.unique_name(), name);
    const std::string reason = reason_for_denial(policy(), verdict.rule);
    const bool is_exempt = state_.identity.permissive.covers(name) || is_permissive(&peer);
    if (const auto kind = is_exempt ? kPermissiveLog : kDenials; admits(kind, &peer)) {
        LogText line;
        line.add(is_exempt ? "Would deny (permissive): " : "").add(text).add(" (");
        add_peer(&peer, line);
        line.add("); ").add(reason);
        state_.denials->write(level_of(kind), std::move(line));
    }
    if (is_exempt) return {};
    if (may_know_rules(&peer)) text += "; " + reason;
    return bus::Unexpected{ErrorReply{bus::error_name::kAccessDenied, std::move(text)}};
}

bool Judge::tolerates(const Passage& passage, const Denial& denial) const {
    if (!state_.identity.permissive.is_on()) return false;
    const bool is_exempt = state_.identity.permissive.covers(passage.header.destination) ||
                           is_permissive(passage.sender) ||
                           (passage.receiver && is_permissive(passage.receiver));
    if (is_exempt && admits(kPermissiveLog, cause_of(passage))) {
        LogText line;
        line.add("Would deny (permissive): ").add(word_for_log(passage, denial));
        state_.denials->write(level_of(kPermissiveLog), std::move(line));
    }
    return is_exempt;
}

void Judge::log_refused_connection(const Peer& peer, const policy::Verdict& verdict) const {
    if (!admits(kDenials, &peer)) return;
    LogText line;
    line.add("Connection refused (");
    add_peer(&peer, line);
    line.add("); ").add(reason_for_denial(*state_.settings.policy, verdict.rule));
    state_.denials->write(level_of(kDenials), std::move(line));
}

/// Whether the budget of `whose` still has a line; nothing is worded otherwise.
bool Judge::admits(bus::LogKind kind, const Peer* whose) const {
    return state_.denials->admit(kind, level_of(kind), {whose ? whose->user() : std::nullopt});
}

/// Whether it has one of the names, as owner or in the queue. Null: the driver.
bool Judge::is_permissive(const Peer* peer) const {
    const PermissiveMode& permissive = state_.identity.permissive;
    if (permissive.whole_bus) return true;
    if (!peer) return permissive.covers(bus::kDriverName);
    const PeerNames names(state_.names, *peer);
    return std::any_of(permissive.names.begin(), permissive.names.end(),
                       [&names](const std::string& name) { return names.holds(name); });
}

bool Judge::may_know_rules(const Peer* peer) const {
    return peer && peer->user() && (*peer->user() == 0 || *peer->user() == state_.identity.owner);
}

ErrorReply Judge::word_refusal(const Passage& passage, const Denial& denial) const {
    auto text = describe(passage, denial.what, denial.verdict.matched_rules).known();
    if (may_know_rules(passage.sender)) {
        text += "; " + reason_for_denial(policy(), denial.verdict.rule);
    }
    return {bus::error_name::kAccessDenied, std::move(text)};
}

/// The same for the log, which always tells the rule, and who the receiver is.
LogText Judge::word_for_log(const Passage& passage, const Denial& denial) const {
    const std::string_view receiver =
        passage.receiver ? passage.receiver->unique_name() : bus::kDriverName;
    auto text = describe(passage, denial.what, denial.verdict.matched_rules);
    text.add(fmt::format("; receiver=\"{}\"; {}", receiver,
                         reason_for_denial(policy(), denial.verdict.rule)));
    return text;
}

ErrorReply Judge::full_queue(const Passage& passage) const {
    auto text = describe(passage, "Rejected: destination has a full message queue", 0).known();
    state_.log.warning(bus::LogKind{"full queues"},
                       passage.sender ? passage.sender->log_party() : bus::LogParty{}, "{}", text);
    return {bus::error_name::kLimitsExceeded, std::move(text)};
}

LogText Judge::describe(const Passage& passage,
                        std::string_view what,
                        std::uint32_t matched_rules) const {
    const bus::Header& header = passage.header;
    LogText text;
    text.add(fmt::format(R"({}, {} matched rules; type="{}", sender="{}" ()", what, matched_rules,
                         type_name(header.type),
                         passage.sender ? passage.sender->unique_name() : bus::kDriverName));
    add_peer(passage.sender, text);
    text.add(fmt::format(
        R"() interface="{}" member="{}" error name="{}" requested_reply="{}" destination="{}" ()",
        or_unset(header.interface), or_unset(header.member), or_unset(header.error_name),
        passage.requested_reply ? 1 : 0, or_unset(header.destination)));
    add_peer(passage.receiver, text);
    text.add(")");
    return text;
}

}  // namespace buzon::broker
