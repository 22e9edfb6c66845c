// SPDX-License-Identifier: Apache-2.0
// A part of check(): rules that never decide, because of rules behind them, and broad rules that
// make others void.
#pragma once

#include <vector>

#include "policy/check.h"
#include "policy/resolved_policy.h"

namespace buzon::policy {

/// Appends to `findings`, in no order. Blocks of unknown users and groups are left out.
void check_reach(const ResolvedPolicy& policy, std::vector<Finding>& findings);

}  // namespace buzon::policy
