// SPDX-License-Identifier: Apache-2.0
// A part of diff(): questions about parties that have two names. Messages are made from two rules
// about different names that say different things, of which one differs; for each message all names
// are ranked, and discordant_pairs() tells which two of them to ask about together.
#pragma once

#include <string>
#include <vector>

#include "policy/diff_asker.h"
#include "policy/diff_identities.h"
#include "policy/rule_scope.h"

namespace buzon::policy {

struct ScopedRule {
    const Rule* rule;
    RuleScope scope;
};

/// `differing` come first among the names that are tried. What is left out is noted in `asker`.
void ask_about_two_names(const std::vector<ScopedRule>& differing,
                         const std::vector<const Rule*>& all,
                         const DiffBounds& bounds,
                         DiffIdentities& identities,
                         DiffAsker& asker);

}  // namespace buzon::policy
