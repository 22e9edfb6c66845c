// SPDX-License-Identifier: Apache-2.0
// An explanation without references to anything: what is shown to people, written as JSON, or sent
// over a bus.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/explain.h"

namespace buzon::policy {

struct ReportedRule {
    /// `decides`, `later-rule`, `later-block`, `stronger-context` or `void`.
    std::string fate;
    /// The same in words.
    std::string why;
    std::string file;
    std::uint32_t line = 0;
    std::string text;
    /// The opening tag of the <policy> that it stands in.
    std::string block;
    /// FILE:LINE of the rule because of which this one does not count; may be empty.
    std::string beaten_by;
};

/// What one side says: the sender's policy, the receiver's, or that of one who owns or connects.
struct ExplanationReport {
    /// False: no policy is asked here, and so it is allowed.
    bool judged = true;
    bool allowed = true;
    bool log = false;
    /// Whose policy.
    std::string subject;
    /// Why, where no rule decides; else empty.
    std::string reason;
    /// The strongest first.
    std::vector<ReportedRule> rules;
    /// How many rules apply, listed or not.
    std::uint64_t matching = 0;
};

/// What holds where no rule applies.
enum class DefaultAnswer : std::uint8_t {
    Denied,        // to own, to send, to receive
    BusOwnerOnly,  // to connect
};

[[nodiscard]] ExplanationReport report(const Explanation& explanation,
                                       const SourceFiles& files,
                                       DefaultAnswer otherwise,
                                       std::string subject);
/// No policy is asked, because of `reason`.
[[nodiscard]] ExplanationReport not_judged(std::string reason);

}  // namespace buzon::policy
