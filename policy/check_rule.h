// SPDX-License-Identifier: Apache-2.0
// A part of check(): what can be seen from one rule alone and the <policy> that it stands in.
#pragma once

#include <vector>

#include "policy/check.h"

namespace buzon::policy {

/// What the place of a rule says about it.
struct RulePlace {
    const PolicyBlock& block;
    /// On a session bus, everything may be allowed.
    bool is_session_bus = false;
    /// <policy user="root">, who may do everything elsewhere too.
    bool is_about_root = false;
};

/// Appends to `findings`.
void check_rule(const Rule& rule, const RulePlace& place, std::vector<Finding>& findings);

}  // namespace buzon::policy
