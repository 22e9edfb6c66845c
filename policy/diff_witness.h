// SPDX-License-Identifier: Apache-2.0
// A part of diff(): questions that a rule, or a rule together with another one, decides. Where a
// rule asks for nothing, the value is one that no file is likely to mention.
#pragma once

#include <string>
#include <vector>

#include "policy/name_list.h"
#include "policy/policy_snapshot.h"
#include "policy/rule.h"

namespace buzon::policy {

/// A message to ask about, with texts of its own.
struct Witness {
    bus::MessageType type = bus::MessageType::MethodCall;
    std::string path;
    std::string interface;
    std::string member;
    std::string error_name;
    /// As in the header; empty in a broadcast.
    std::string destination;
    /// The other party's name: the receiver's for send rules, the sender's for receive rules.
    std::string party;
    /// One more name that it has; may be empty.
    std::string also;
    bool is_reply = false;
    bool requested_reply = false;
    bool eavesdropping = false;
    std::uint32_t fds = 0;
};

/// Messages to which the conditions of `rule` apply, and those of `partner` as far as they do not
/// contradict. Both must be send rules, or receive rules. A null partner: of `rule` alone.
[[nodiscard]] std::vector<Witness> witnesses_for(const Rule& rule, const Rule* partner);

/// Names to which the condition applies; for a rule about many, one of them, and those of `known`,
/// which must be sorted.
[[nodiscard]] std::vector<std::string> witnesses_for(const OwnRule& rule,
                                                     const std::vector<std::string>& known);

/// Whether no message meets the conditions of both.
[[nodiscard]] bool contradict(const Rule& left, const Rule& right);

/// `method_call to a.b, path /, interface a.I, any other member`
[[nodiscard]] std::string to_text(const Witness& witness, bool is_about_sending);

}  // namespace buzon::policy
