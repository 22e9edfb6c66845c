// SPDX-License-Identifier: Apache-2.0
// One match rule: its grammar, its canonical text, and the plain definition of what it matches.
// Equality is by content: the order of keys and the way of quoting leave no trace.
// Compat: dbus-daemon drops all pairs behind the 16th; here they all count.
// Source: D-Bus Specification, "Match Rules"; dbus-daemon where the text is silent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/match_subject.h"
#include "bus/base/result.h"
#include "bus/protocol.h"

namespace buzon::broker {

inline constexpr std::size_t kMaxMatchRuleBytes = 1024;
inline constexpr unsigned kMaxMatchArguments = 64;

enum class MatchRuleError : std::uint8_t {
    TooLong,  // LimitsExceeded; all others are MatchRuleInvalid
    KeyWithoutValue,
    EmptyPair,
    UnterminatedQuote,
    UnknownKey,
    DuplicateKey,  // also both of path and path_namespace, or two kinds of one argument
    BadType,
    BadName,  // sender, destination, interface, member or arg0namespace
    BadPath,
    BadEavesdrop,
    BadArgumentIndex,
};

[[nodiscard]] std::string_view describe(MatchRuleError error);

enum class PathCondition : std::uint8_t { Equal, Namespace };

struct ArgumentCondition {
    enum class Kind : std::uint8_t { String, Path, Namespace };
    std::uint8_t index = 0;
    Kind kind = Kind::String;
    std::string value;
    friend bool operator==(const ArgumentCondition&, const ArgumentCondition&) = default;
};

struct MatchRule {
    /// Empty texts stand for keys that are not there; only arguments may be compared with "".
    std::optional<bus::MessageType> type;
    std::string interface;
    std::string member;
    std::string path;
    PathCondition path_condition = PathCondition::Equal;
    std::string sender;
    std::string destination;
    bool eavesdrop = false;
    /// At most one for each index, in ascending order of the index.
    std::vector<ArgumentCondition> arguments;

    [[nodiscard]] bool matches(const MatchSubject& subject) const;
    /// Of those that a step of MatchTree stands for: all but the type and `eavesdrop`.
    [[nodiscard]] std::size_t condition_count() const;
    friend bool operator==(const MatchRule&, const MatchRule&) = default;
};

/// What a rule counts in the account of its owner: one for each 300 bytes that it may take up, of
/// which each condition takes 200, and a rule with three conditions or fewer one.
[[nodiscard]] std::size_t weight_of(const MatchRule& rule);

bus::Result<MatchRule, MatchRuleError> parse_match_rule(std::string_view text);

/// Parses to the same rule again. Keys in the order type, interface, member, path or
/// path_namespace, sender, destination, eavesdrop, arguments.
[[nodiscard]] std::string to_text(const MatchRule& rule);

/// What a condition means, for one value; shared with MatchIndex's tests.
[[nodiscard]] bool is_in_path_namespace(std::string_view path, std::string_view name_space);
[[nodiscard]] bool is_in_name_namespace(std::string_view name, std::string_view name_space);
/// `argNpath`: equal, or one of the two ends in a slash and the other starts with it.
[[nodiscard]] bool is_related_path(std::string_view path, std::string_view other);

}  // namespace buzon::broker
