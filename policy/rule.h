// SPDX-License-Identifier: Apache-2.0
// <allow> and <deny> as plain values. An absent condition (std::nullopt) matches everything; `*` in
// the file is absent here, and an empty string in the file stays an empty string, which no name
// equals. Invariant: the constraints of dbus-daemon on combinations of attributes hold.
// Source: dbus-daemon(1), "<policy>", "<allow>" and "<deny>".
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bus/protocol.h"
#include "policy/location.h"

namespace buzon::policy {

enum class Effect : std::uint8_t { Allow, Deny };

inline constexpr std::uint32_t kAnyFdCount = std::numeric_limits<std::uint32_t>::max();

/// What send and receive rules can ask of a message.
struct MessageConditions {
    std::optional<bus::MessageType> type;
    std::optional<std::string> path;
    std::optional<std::string> interface;
    std::optional<std::string> member;
    std::optional<std::string> error_name;
    /// send_requested_reply, receive_requested_reply; absent: true to allow, false to deny.
    bool requested_reply = true;
    bool eavesdrop = false;
    std::uint32_t min_fds = 0;
    std::uint32_t max_fds = kAnyFdCount;
};

/// How a name in a rule is compared: as a whole, or as what stands before a dot.
enum class NameForm : std::uint8_t { Exact, Prefix };

struct SendRule {
    MessageConditions message;
    std::optional<std::string> destination;
    NameForm destination_form = NameForm::Exact;
    /// true: signals without destination only; false: anything else only.
    std::optional<bool> broadcast;
    bool log = false;
};

struct ReceiveRule {
    MessageConditions message;
    std::optional<std::string> sender;
};

struct OwnRule {
    std::optional<std::string> name;
    NameForm form = NameForm::Exact;
};

/// Who may connect, by user or by group; `name` absent: anybody.
struct ConnectRule {
    enum class Subject : std::uint8_t { User, Group };
    Subject subject = Subject::User;
    std::optional<std::string> name;
};

struct Rule {
    Effect effect = Effect::Deny;
    Location location;
    std::variant<SendRule, ReceiveRule, OwnRule, ConnectRule> match;
};

/// In the order in which they apply to a peer: later ones win.
enum class PolicyContext : std::uint8_t {
    Default,
    Group,
    User,
    AtConsole,
    NotAtConsole,
    Mandatory
};

/// One <policy> element.
struct PolicyBlock {
    PolicyContext context = PolicyContext::Default;
    /// Name or number of the user or group; empty for the other contexts.
    std::string subject;
    Location location;
    std::vector<Rule> rules;
};

/// The rule as an element of a configuration file, on one line: `<deny own="org.example"/>`.
[[nodiscard]] std::string to_text(const Rule& rule);

}  // namespace buzon::policy
