// SPDX-License-Identifier: Apache-2.0
#include "broker/match_rule.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "bus/names.h"

namespace buzon::broker {
namespace {

using bus::MessageType;
using bus::Result;
using bus::Unexpected;
using Kind = ArgumentCondition::Kind;

constexpr std::pair<std::string_view, MessageType> kTypes[] = {
    {"signal", MessageType::Signal},
    {"method_call", MessageType::MethodCall},
    {"method_return", MessageType::MethodReturn},
    {"error", MessageType::Error},
};

using Outcome = Result<void, MatchRuleError>;

/// Sets a key whose value is never empty, so that an empty member still waits for it.
Outcome set_once(std::string& member,
                 std::string value,
                 bool (*is_valid)(std::string_view),
                 MatchRuleError error) {
    if (!member.empty()) return Unexpected{MatchRuleError::DuplicateKey};
    if (!is_valid(value)) return Unexpected{error};
    member = std::move(value);
    return {};
}

Outcome set_type(MatchRule& rule, std::string&& value) {
    if (rule.type) return Unexpected{MatchRuleError::DuplicateKey};
    for (const auto& [text, type] : kTypes) {
        if (value == text) rule.type = type;
    }
    if (!rule.type) return Unexpected{MatchRuleError::BadType};
    return {};
}

Outcome set_sender(MatchRule& rule, std::string&& value) {
    return set_once(rule.sender, std::move(value), bus::is_bus_name, MatchRuleError::BadName);
}

Outcome set_destination(MatchRule& rule, std::string&& value) {
    return set_once(rule.destination, std::move(value), bus::is_bus_name, MatchRuleError::BadName);
}

Outcome set_interface(MatchRule& rule, std::string&& value) {
    return set_once(rule.interface, std::move(value), bus::is_interface_name,
                    MatchRuleError::BadName);
}

Outcome set_member(MatchRule& rule, std::string&& value) {
    return set_once(rule.member, std::move(value), bus::is_member_name, MatchRuleError::BadName);
}

Outcome set_path(MatchRule& rule, std::string&& value) {
    return set_once(rule.path, std::move(value), bus::is_object_path, MatchRuleError::BadPath);
}

Outcome set_path_namespace(MatchRule& rule, std::string&& value) {
    Outcome outcome = set_path(rule, std::move(value));
    if (outcome) rule.path_condition = PathCondition::Namespace;
    return outcome;
}

/// Compat: dbus-daemon accepts this key more than once, and the last one counts.
Outcome set_eavesdrop(MatchRule& rule, std::string&& value) {
    if (value != "true" && value != "false") return Unexpected{MatchRuleError::BadEavesdrop};
    rule.eavesdrop = value == "true";
    return {};
}

struct KeyRow {
    std::string_view key;
    Outcome (*set)(MatchRule& rule, std::string&& value);
};
constexpr KeyRow kKeys[] = {
    {"type", set_type},
    {"sender", set_sender},
    {"interface", set_interface},
    {"member", set_member},
    {"path", set_path},
    {"path_namespace", set_path_namespace},
    {"destination", set_destination},
    {"eavesdrop", set_eavesdrop},
};

/// What `arg12path` and its like say about the argument: index and kind.
Result<ArgumentCondition, MatchRuleError> parse_argument_key(std::string_view key) {
    // Compat: dbus-daemon reads the number as C does: arg01 is 1, arg010 is 8, arg0x10 is 16.
    const std::string number(key.substr(3));
    char* end = nullptr;
    const unsigned long index = std::strtoul(number.c_str(), &end, 0);
    if (end == number.c_str() || index >= kMaxMatchArguments) {
        return Unexpected{MatchRuleError::BadArgumentIndex};
    }
    ArgumentCondition condition;
    condition.index = static_cast<std::uint8_t>(index);
    const std::string_view suffix =
        std::string_view(number).substr(static_cast<std::size_t>(end - number.c_str()));
    if (suffix.empty()) return condition;
    if (suffix == "path") {
        condition.kind = Kind::Path;
    } else if (key == "arg0namespace") {
        condition.kind = Kind::Namespace;
    } else {
        return Unexpected{MatchRuleError::UnknownKey};
    }
    return condition;
}

Outcome set_argument(MatchRule& rule, std::string_view key, std::string value) {
    auto condition = parse_argument_key(key);
    if (!condition) return Unexpected{condition.error()};
    if (condition->kind == Kind::Namespace && !bus::is_bus_namespace(value)) {
        return Unexpected{MatchRuleError::BadName};
    }
    const auto place = std::lower_bound(
        rule.arguments.begin(), rule.arguments.end(), condition->index,
        [](const ArgumentCondition& other, std::uint8_t index) { return other.index < index; });
    if (place != rule.arguments.end() && place->index == condition->index) {
        return Unexpected{MatchRuleError::DuplicateKey};
    }
    condition->value = std::move(value);
    rule.arguments.insert(place, *std::move(condition));
    return {};
}

Outcome set_key(MatchRule& rule, std::string_view key, std::string value) {
    for (const KeyRow& row : kKeys) {
        if (key == row.key) return row.set(rule, std::move(value));
    }
    if (key.starts_with("arg")) return set_argument(rule, key, std::move(value));
    return Unexpected{MatchRuleError::UnknownKey};
}

constexpr bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// Takes pairs off the front of a rule's text.
class PairReader {
public:
    explicit PairReader(std::string_view text) : text_(text) {}

    /// The next key, with the `=` behind it; empty at the end of the rule.
    Result<std::string_view, MatchRuleError> read_key() {
        skip_blanks();
        const std::size_t start = position_;
        while (!at_end() && text_[position_] != '=' && !is_blank(text_[position_]))
            ++position_;
        const std::string_view key = text_.substr(start, position_ - start);
        skip_blanks();
        // Compat: dbus-daemon takes an `=` without a key for the end and reads no further.
        if (key.empty()) return key;
        if (at_end() || text_[position_] != '=') {
            return Unexpected{key.find_first_not_of(',') == key.npos
                                  ? MatchRuleError::EmptyPair
                                  : MatchRuleError::KeyWithoutValue};
        }
        ++position_;
        return key;
    }

    /// The value up to a comma outside quotes, which is taken as well; quotes removed.
    Result<std::string, MatchRuleError> read_value() {
        std::string value;
        bool quoted = false;
        while (!at_end()) {
            const char c = text_[position_++];
            if (c == '\'') {
                quoted = !quoted;
            } else if (!quoted && c == ',') {
                return value;
            } else if (!quoted && c == '\\' && !at_end()) {
                read_escaped(value);
            } else {
                value += c;
            }
        }
        if (quoted) return Unexpected{MatchRuleError::UnterminatedQuote};
        return value;
    }

private:
    [[nodiscard]] bool at_end() const { return position_ == text_.size(); }

    void skip_blanks() {
        while (!at_end() && is_blank(text_[position_]))
            ++position_;
    }

    /// Compat: a backslash stays, except before an apostrophe, but takes the special meaning
    /// from whatever follows, so that `a\,b` is one value.
    void read_escaped(std::string& value) {
        const char c = text_[position_++];
        if (c != '\'') value += '\\';
        value += c;
    }

    std::string_view text_;
    std::size_t position_ = 0;
};

void append_pair(std::string& text, std::string_view key, std::string_view value) {
    if (!text.empty()) text += ',';
    text += key;
    text += "='";
    for (const char c : value) {
        if (c == '\'') {
            text += "'\\''";
        } else {
            text += c;
        }
    }
    text += '\'';
}

void append_if_given(std::string& text, std::string_view key, std::string_view value) {
    if (!value.empty()) append_pair(text, key, value);
}

std::string key_of(const ArgumentCondition& condition) {
    std::string key = "arg" + std::to_string(condition.index);
    if (condition.kind == Kind::Path) key += "path";
    if (condition.kind == Kind::Namespace) key += "namespace";
    return key;
}

bool is_named(std::string_view name, std::string_view unique_name, const OwnedNames* names) {
    return name == unique_name || (names && names->contains(name));
}

bool is_addressed_to(std::string_view name, const MatchSubject& subject) {
    if (!subject.is_unicast()) return false;
    if (subject.recipient.empty()) return name == subject.destination;
    return is_named(name, subject.recipient, subject.recipient_names);
}

bool is_met(const ArgumentCondition& condition, const MatchSubject& subject) {
    if (!subject.arguments) return false;
    const auto argument = subject.arguments->argument(condition.index);
    if (!argument) return false;
    if (condition.kind == Kind::Path) return is_related_path(argument->text, condition.value);
    if (argument->kind != TextArgument::Kind::String) return false;
    return condition.kind == Kind::Namespace ? is_in_name_namespace(argument->text, condition.value)
                                             : argument->text == condition.value;
}

}  // namespace

std::string_view describe(MatchRuleError error) {
    switch (error) {
        case MatchRuleError::TooLong: return "the rule is longer than 1024 bytes";
        case MatchRuleError::KeyWithoutValue: return "a key has no '=' behind it";
        case MatchRuleError::EmptyPair: return "there is nothing between two commas";
        case MatchRuleError::UnterminatedQuote: return "a quotation mark is not closed";
        case MatchRuleError::UnknownKey: return "unknown key";
        case MatchRuleError::DuplicateKey: return "a key is given twice";
        case MatchRuleError::BadType: return "invalid message type";
        case MatchRuleError::BadName: return "invalid name";
        case MatchRuleError::BadPath: return "invalid object path";
        case MatchRuleError::BadEavesdrop: return "eavesdrop is neither 'true' nor 'false'";
        case MatchRuleError::BadArgumentIndex: return "no argument number from 0 to 63";
    }
    return "unknown error";
}

Result<MatchRule, MatchRuleError> parse_match_rule(std::string_view text) {
    if (text.size() > kMaxMatchRuleBytes) return Unexpected{MatchRuleError::TooLong};
    MatchRule rule;
    PairReader reader(text);
    for (;;) {
        const auto key = reader.read_key();
        if (!key) return Unexpected{key.error()};
        if (key->empty()) return rule;
        auto value = reader.read_value();
        if (!value) return Unexpected{value.error()};
        const Outcome outcome = set_key(rule, *key, *std::move(value));
        if (!outcome) return Unexpected{outcome.error()};
    }
}

std::string to_text(const MatchRule& rule) {
    std::string text;
    for (const auto& [name, type] : kTypes) {
        if (rule.type == type) append_pair(text, "type", name);
    }
    append_if_given(text, "interface", rule.interface);
    append_if_given(text, "member", rule.member);
    const bool exact = rule.path_condition == PathCondition::Equal;
    append_if_given(text, exact ? "path" : "path_namespace", rule.path);
    append_if_given(text, "sender", rule.sender);
    append_if_given(text, "destination", rule.destination);
    if (rule.eavesdrop) append_pair(text, "eavesdrop", "true");
    for (const auto& condition : rule.arguments) {
        append_pair(text, key_of(condition), condition.value);
    }
    return text;
}

std::size_t MatchRule::condition_count() const {
    std::size_t count = arguments.size();
    for (const std::string* text : {&interface, &member, &path, &sender, &destination})
        count += text->empty() ? 0U : 1U;
    return count;
}

std::size_t weight_of(const MatchRule& rule) {
    constexpr std::size_t kConditionsOfOne = 3;
    const std::size_t conditions = rule.condition_count();
    return conditions <= kConditionsOfOne ? 1 : 1 + (conditions - 2) * 2 / 3;
}

bool MatchRule::matches(const MatchSubject& subject) const {
    if (subject.is_unicast() && !eavesdrop) return false;
    if (type && static_cast<std::uint8_t>(*type) != subject.type) return false;
    if (!interface.empty() && interface != subject.interface) return false;
    if (!member.empty() && member != subject.member) return false;
    if (!path.empty()) {
        const bool met = path_condition == PathCondition::Equal
                             ? path == subject.path
                             : is_in_path_namespace(subject.path, path);
        if (!met) return false;
    }
    if (!sender.empty() && !is_named(sender, subject.sender, subject.sender_names)) return false;
    if (!destination.empty() && !is_addressed_to(destination, subject)) return false;
    return std::all_of(arguments.begin(), arguments.end(), [&](const ArgumentCondition& condition) {
        return is_met(condition, subject);
    });
}

bool is_in_path_namespace(std::string_view path, std::string_view name_space) {
    if (name_space == "/") return !path.empty();
    if (!path.starts_with(name_space)) return false;
    return path.size() == name_space.size() || path[name_space.size()] == '/';
}

bool is_in_name_namespace(std::string_view name, std::string_view name_space) {
    if (!name.starts_with(name_space)) return false;
    return name.size() == name_space.size() || name[name_space.size()] == '.';
}

bool is_related_path(std::string_view path, std::string_view other) {
    if (path == other) return true;
    if (other.ends_with('/') && path.starts_with(other)) return true;
    return path.ends_with('/') && other.starts_with(path);
}

}  // namespace buzon::broker
