// SPDX-License-Identifier: Apache-2.0
// A rule is a conjunction of conditions, so it covers another one if each of its conditions is met
// by all that the other lets through. Most conditions are "absent or equal", and so the rules that
// may cover one are found under the subsets of its conditions.
#include "policy/rule_cover.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "policy/name_list.h"

namespace buzon::policy {

namespace {

/// Replies that a rule lets through: those asked for, those not asked for.
struct Accepted {
    bool first;
    bool second;
    [[nodiscard]] bool includes(const Accepted& other) const {
        return (first || !other.first) && (second || !other.second);
    }
};

Accepted accepted_replies(Effect effect, const MessageConditions& conditions) {
    if (effect == Effect::Deny) return {conditions.requested_reply, true};
    return {true, !conditions.requested_reply || conditions.eavesdrop};
}

/// What the receiver was meant to get, and what it overhears.
Accepted accepted_hearing(Effect effect, const MessageConditions& conditions) {
    if (effect == Effect::Deny) return {!conditions.eavesdrop, true};
    return {true, conditions.eavesdrop};
}

template <typename T>
bool absent_or_equal(const std::optional<T>& later, const std::optional<T>& earlier) {
    return !later || later == earlier;
}

/// An <allow> for an interface wants it to be there, a <deny> does not.
bool interfaces_cover(const Rule& later,
                      const MessageConditions& wide,
                      const Rule& earlier,
                      const MessageConditions& narrow) {
    if (!wide.interface) return true;
    if (wide.interface != narrow.interface) return false;
    return later.effect == Effect::Deny || earlier.effect == Effect::Allow;
}

bool conditions_cover(const Rule& later,
                      const MessageConditions& wide,
                      const Rule& earlier,
                      const MessageConditions& narrow) {
    return absent_or_equal(wide.type, narrow.type) && absent_or_equal(wide.path, narrow.path) &&
           absent_or_equal(wide.member, narrow.member) &&
           absent_or_equal(wide.error_name, narrow.error_name) &&
           interfaces_cover(later, wide, earlier, narrow) && wide.min_fds <= narrow.min_fds &&
           wide.max_fds >= narrow.max_fds;
}

bool names_cover(const std::optional<std::string>& wide,
                 NameForm wide_form,
                 const std::optional<std::string>& narrow,
                 NameForm narrow_form) {
    if (!wide) return true;
    if (!narrow) return false;
    if (wide_form == NameForm::Prefix) return is_name_below(*narrow, *wide);
    return narrow_form == NameForm::Exact && *wide == *narrow;
}

/// What is no signal is no broadcast either.
bool broadcasts_cover(const SendRule& wide, const SendRule& narrow) {
    if (absent_or_equal(wide.broadcast, narrow.broadcast)) return true;
    const bool never_signal =
        narrow.message.type && *narrow.message.type != bus::MessageType::Signal;
    return wide.broadcast == false && never_signal;
}

Coverage replies_cover(const Rule& later,
                       const MessageConditions& wide,
                       const Rule& earlier,
                       const MessageConditions& narrow) {
    const bool is_no_reply = narrow.type && (*narrow.type == bus::MessageType::MethodCall ||
                                             *narrow.type == bus::MessageType::Signal);
    if (is_no_reply) return Coverage::Full;
    return accepted_replies(later.effect, wide).includes(accepted_replies(earlier.effect, narrow))
               ? Coverage::Full
               : Coverage::AllButReplies;
}

Coverage full_or_no(bool covered) {
    return covered ? Coverage::Full : Coverage::No;
}

class Comparison {
public:
    Comparison(const Rule& later, const Rule& earlier) : later_(later), earlier_(earlier) {}

    Coverage operator()(const SendRule& wide, const SendRule& narrow) const {
        if (!conditions_cover(later_, wide.message, earlier_, narrow.message) ||
            !names_cover(wide.destination, wide.destination_form, narrow.destination,
                         narrow.destination_form) ||
            !broadcasts_cover(wide, narrow))
            return Coverage::No;
        return replies_cover(later_, wide.message, earlier_, narrow.message);
    }
    Coverage operator()(const ReceiveRule& wide, const ReceiveRule& narrow) const {
        if (!conditions_cover(later_, wide.message, earlier_, narrow.message) ||
            !absent_or_equal(wide.sender, narrow.sender) ||
            !accepted_hearing(later_.effect, wide.message)
                 .includes(accepted_hearing(earlier_.effect, narrow.message)))
            return Coverage::No;
        return replies_cover(later_, wide.message, earlier_, narrow.message);
    }
    Coverage operator()(const OwnRule& wide, const OwnRule& narrow) const {
        return full_or_no(names_cover(wide.name, wide.form, narrow.name, narrow.form));
    }
    Coverage operator()(const ConnectRule& wide, const ConnectRule& narrow) const {
        return full_or_no(!wide.name ||
                          (wide.subject == narrow.subject && wide.name == narrow.name));
    }
    template <typename Wide, typename Narrow>
    Coverage operator()(const Wide&, const Narrow&) const {
        return Coverage::No;
    }

private:
    const Rule& later_;
    const Rule& earlier_;
};

std::uint64_t field_hash(std::uint64_t field, std::string_view value) {
    constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
    std::uint64_t hash = (std::hash<std::string_view>{}(value) ^ (field * kOdd)) * kOdd;
    hash ^= hash >> 31;
    return hash * kOdd;
}

/// The hashes of a rule's conditions. A name may be asked for in several ways.
struct Fields {
    std::vector<std::uint64_t> conditions;
    /// Of the name as the rule has it, and then of all wider forms.
    std::vector<std::uint64_t> names;
    std::uint64_t kind;
};

constexpr std::uint64_t kExactName = 10;
constexpr std::uint64_t kPrefixName = 11;

void add_conditions(Fields& fields, const MessageConditions& message) {
    std::uint64_t number = 0;
    if (message.type) {
        const char type = static_cast<char>(*message.type);
        fields.conditions.push_back(field_hash(number, {&type, 1}));
    }
    for (const auto* value :
         {&message.path, &message.interface, &message.member, &message.error_name}) {
        ++number;
        if (*value) fields.conditions.push_back(field_hash(number, **value));
    }
}

void add_names(Fields& fields, const std::optional<std::string>& name, NameForm form) {
    constexpr std::size_t kMostLevels = 128;
    if (!name) return;
    if (form == NameForm::Exact) fields.names.push_back(field_hash(kExactName, *name));
    std::string_view prefix = *name;
    while (fields.names.size() < kMostLevels) {
        fields.names.push_back(field_hash(kPrefixName, prefix));
        const auto dot = prefix.rfind('.');
        if (dot == std::string_view::npos) return;
        prefix = prefix.substr(0, dot);
    }
}

Fields fields_of(const Rule& rule) {
    Fields fields{{}, {}, rule.match.index() + 1};
    if (const auto* send = std::get_if<SendRule>(&rule.match)) {
        add_conditions(fields, send->message);
        add_names(fields, send->destination, send->destination_form);
    } else if (const auto* receive = std::get_if<ReceiveRule>(&rule.match)) {
        add_conditions(fields, receive->message);
        add_names(fields, receive->sender, NameForm::Exact);
    } else if (const auto* own = std::get_if<OwnRule>(&rule.match)) {
        add_names(fields, own->name, own->form);
    } else if (const auto* connect = std::get_if<ConnectRule>(&rule.match)) {
        const bool user = connect->subject == ConnectRule::Subject::User;
        if (connect->name) fields.names.push_back(field_hash(user ? 12 : 13, *connect->name));
    }
    return fields;
}

auto as_tuple(const MessageConditions& message) {
    return std::tie(message.type, message.path, message.interface, message.member,
                    message.error_name, message.requested_reply, message.eavesdrop, message.min_fds,
                    message.max_fds);
}

struct SameMatch {
    bool operator()(const SendRule& left, const SendRule& right) const {
        return as_tuple(left.message) == as_tuple(right.message) &&
               std::tie(left.destination, left.destination_form, left.broadcast, left.log) ==
                   std::tie(right.destination, right.destination_form, right.broadcast, right.log);
    }
    bool operator()(const ReceiveRule& left, const ReceiveRule& right) const {
        return as_tuple(left.message) == as_tuple(right.message) && left.sender == right.sender;
    }
    bool operator()(const OwnRule& left, const OwnRule& right) const {
        return left.name == right.name && left.form == right.form;
    }
    bool operator()(const ConnectRule& left, const ConnectRule& right) const {
        return left.name == right.name && left.subject == right.subject;
    }
    template <typename Left, typename Right>
    bool operator()(const Left&, const Right&) const {
        return false;
    }
};

}  // namespace

Coverage coverage(const Rule& later, const Rule& earlier) {
    return std::visit(Comparison(later, earlier), later.match, earlier.match);
}

bool is_same_rule(const Rule& left, const Rule& right) {
    return left.effect == right.effect && std::visit(SameMatch{}, left.match, right.match);
}

std::uint64_t condition_key(const Rule& rule) {
    const Fields fields = fields_of(rule);
    std::uint64_t key = fields.kind;
    for (const auto hash : fields.conditions)
        key += hash;
    if (!fields.names.empty()) key += fields.names.front();
    return key;
}

std::vector<std::uint64_t> keys_of_covering(const Rule& rule) {
    Fields fields = fields_of(rule);
    std::vector<std::uint64_t> keys;
    for (std::size_t subset = 0; subset < std::size_t{1} << fields.conditions.size(); ++subset) {
        std::uint64_t key = fields.kind;
        for (std::size_t bit = 0; bit < fields.conditions.size(); ++bit) {
            if (subset >> bit & 1) key += fields.conditions[bit];
        }
        keys.push_back(key);
        for (const auto name : fields.names)
            keys.push_back(key + name);
    }
    return keys;
}

}  // namespace buzon::policy
