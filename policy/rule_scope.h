// SPDX-License-Identifier: Apache-2.0
// Whom the rules of a <policy> are about: its context and, for users and groups, the id. Blocks of
// one scope apply to the same peers.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "policy/resolved_policy.h"

namespace buzon::policy {

/// The number is 0 where the context says all.
using RuleScope = std::pair<PolicyContext, std::uint32_t>;

/// Nothing for a user or group that there is not.
[[nodiscard]] inline std::optional<RuleScope> scope_of(const PolicyBlock& block,
                                                       const ResolvedPolicy& policy) {
    const bool user = block.context == PolicyContext::User;
    if (!user && block.context != PolicyContext::Group) return RuleScope{block.context, 0};
    const auto id = policy.id_of(user ? ConnectRule::Subject::User : ConnectRule::Subject::Group,
                                 block.subject);
    if (!id) return {};
    return RuleScope{block.context, *id};
}

}  // namespace buzon::policy
