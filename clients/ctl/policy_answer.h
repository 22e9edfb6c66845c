// SPDX-License-Identifier: Apache-2.0
// The answer to a question to a policy, from files or from the running bus, and how it is shown.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "bus/base/ref.h"
#include "clients/ctl/bus_connection.h"
#include "clients/ctl/policy_question.h"
#include "policy/explain_report.h"
#include "policy/policy_set.h"

namespace buzon::clients {

struct PolicyAnswer {
    /// `send` and `receive`, or `own`, or `connect`.
    std::vector<std::pair<std::string, policy::ExplanationReport>> sides{};

    /// Every side allows it.
    [[nodiscard]] bool is_allowed() const;
};

[[nodiscard]] PolicyAnswer answer_from(const policy::PolicySet& set,
                                       const PolicyQuestion& question);
/// Errors: UsageError, where the bus does not answer such questions; sdbus::Error.
[[nodiscard]] PolicyAnswer answer_from(BusConnection& bus, const PolicyQuestion& question);

/// Lines with their ends; at most `most` beaten rules for each side.
[[nodiscard]] std::string to_text(const PolicyAnswer& answer, std::size_t most);
[[nodiscard]] Json to_json(const PolicyAnswer& answer);

}  // namespace buzon::clients
