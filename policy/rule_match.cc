// SPDX-License-Identifier: Apache-2.0
#include "policy/rule_match.h"

namespace buzon::policy {

namespace {

/// `name` is `prefix` or below it at a dot. Nothing is below the empty prefix.
bool is_at_or_below(std::string_view name, std::string_view prefix) {
    if (prefix.empty() || !name.starts_with(prefix)) return false;
    return name.size() == prefix.size() || name[prefix.size()] == '.';
}

/// Path, member and error name: a rule that asks for one also matches a message without it.
bool differs(std::string_view header, const std::optional<std::string>& wanted) {
    return wanted && !header.empty() && header != *wanted;
}

/// A message without interface could mean any: it escapes no deny and profits from no allow.
bool interface_matches(Effect effect,
                       std::string_view header,
                       const std::optional<std::string>& wanted) {
    if (!wanted) return true;
    if (header.empty()) return effect == Effect::Deny;
    return header == *wanted;
}

/// What *_requested_reply says about a message that has a reply serial.
bool reply_matches(Effect effect, const MessageConditions& conditions, bool requested) {
    if (effect == Effect::Allow) {
        return requested || !conditions.requested_reply || conditions.eavesdrop;
    }
    return !requested || conditions.requested_reply;
}

bool conditions_match(Effect effect,
                      const MessageConditions& conditions,
                      const MessageFacts& message,
                      bool requested_reply) {
    if (conditions.type && *conditions.type != message.type) return false;
    if (message.is_reply && !reply_matches(effect, conditions, requested_reply)) return false;
    if (differs(message.path, conditions.path)) return false;
    if (!interface_matches(effect, message.interface, conditions.interface)) return false;
    if (differs(message.member, conditions.member)) return false;
    if (differs(message.error_name, conditions.error_name)) return false;
    return message.fd_count >= conditions.min_fds && message.fd_count <= conditions.max_fds;
}

/// The other party's names against one name of a rule; without a party, the header's text.
bool party_matches(const NameHolder* party,
                   std::string_view header,
                   const std::string& wanted,
                   NameForm form) {
    if (wanted.empty()) return false;
    if (form == NameForm::Prefix) {
        return party ? party->holds_below(wanted) : is_at_or_below(header, wanted);
    }
    return party ? party->holds(wanted) : header == wanted;
}

bool is_unconditional(const MessageConditions& conditions) {
    return !conditions.type && !conditions.path && !conditions.interface && !conditions.member &&
           !conditions.error_name;
}

bool accepts_any_fds(const MessageConditions& conditions) {
    return conditions.min_fds == 0 && conditions.max_fds == kAnyFdCount;
}

}  // namespace

bool matches(Effect, const OwnRule& rule, std::string_view name) {
    if (!rule.name) return true;
    return rule.form == NameForm::Prefix ? is_at_or_below(name, *rule.name) : name == *rule.name;
}

bool matches(Effect effect, const SendRule& rule, const SendQuery& query) {
    const MessageFacts& message = query.message;
    if (!conditions_match(effect, rule.message, message, query.requested_reply)) return false;
    const bool is_broadcast =
        message.type == bus::MessageType::Signal && message.destination.empty();
    if (rule.broadcast && *rule.broadcast != is_broadcast) return false;
    return !rule.destination || party_matches(query.receiver, message.destination,
                                              *rule.destination, rule.destination_form);
}

bool matches(Effect effect, const ReceiveRule& rule, const ReceiveQuery& query) {
    const MessageFacts& message = query.message;
    const bool rule_eavesdrops = rule.message.eavesdrop;
    if (effect == Effect::Allow && query.eavesdropping && !rule_eavesdrops) return false;
    if (effect == Effect::Deny && !query.eavesdropping && rule_eavesdrops) return false;
    if (!conditions_match(effect, rule.message, message, query.requested_reply)) return false;
    return !rule.sender ||
           party_matches(query.sender, message.sender, *rule.sender, NameForm::Exact);
}

bool voids_earlier_rules(const OwnRule& rule) {
    return !rule.name;
}

bool voids_earlier_rules(const SendRule& rule) {
    return is_unconditional(rule.message) && !rule.destination;
}

bool voids_earlier_rules(const ReceiveRule& rule) {
    return is_unconditional(rule.message) && !rule.sender;
}

bool allows_everything(const OwnRule& rule) {
    return !rule.name;
}

bool allows_everything(const SendRule& rule) {
    const bool any_reply = !rule.message.requested_reply || rule.message.eavesdrop;
    return voids_earlier_rules(rule) && any_reply && accepts_any_fds(rule.message) &&
           !rule.broadcast && !rule.log;
}

bool allows_everything(const ReceiveRule& rule) {
    return voids_earlier_rules(rule) && rule.message.eavesdrop && accepts_any_fds(rule.message);
}

}  // namespace buzon::policy
