// SPDX-License-Identifier: Apache-2.0
// A part of diff(): the rules of two sequences that are not in the other, or not in that order.
#pragma once

#include <vector>

#include "policy/rule.h"

namespace buzon::policy {

/// Of both, those of `before` first. What is left of each sequence without them is the same.
[[nodiscard]] std::vector<const Rule*> differing_rules(const std::vector<const Rule*>& before,
                                                       const std::vector<const Rule*>& after);

}  // namespace buzon::policy
