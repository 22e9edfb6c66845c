// SPDX-License-Identifier: Apache-2.0
// Which decisions change between two policies. Not by their texts: both are asked the same
// questions, made from the rules that stand in one only, alone and crossed with other rules, for
// everybody whom either names and for somebody else.
// Every change told is real, with a question that shows it. That none is missed is not promised:
// the questions are many, but some that no single rule or pair of rules describes are not asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "policy/policy_set.h"
#include "policy/resolved_policy.h"
#include "policy/user_database.h"

namespace buzon::policy {

/// One of the two; `set` was made from `policy`.
struct DiffSide {
    const ResolvedPolicy& policy;
    const PolicySet& set;
};

enum class DecisionKind : std::uint8_t { Connect, Own, Send, Receive };

/// Questions that the same two rules decide, in two ways.
struct PolicyChange {
    DecisionKind kind = DecisionKind::Send;
    /// Their rules live as long as the two sets.
    Verdict before;
    Verdict after;
    /// One of the questions, in words.
    std::string question;
    /// How many questions of this kind were asked.
    std::size_t questions = 0;
};

struct PolicyDiff {
    std::vector<PolicyChange> changes;
    std::size_t questions = 0;
    /// So much differs that only a part of the questions was asked.
    bool is_sampled = false;
};

struct DiffBounds {
    /// Of questions in all; several times that for identities.
    std::size_t questions = 10'000;
    std::size_t identities = 40;
    std::size_t rules = 4'000;
    /// Rules that each rule is crossed with, and how many are looked at to find them.
    std::size_t partners = 300;
    std::size_t looked_at = 10'000;
};

/// `users` tells the groups of those whom the rules name.
[[nodiscard]] PolicyDiff diff(const DiffSide& before,
                              const DiffSide& after,
                              UserDatabase& users,
                              const DiffBounds& bounds = {});

}  // namespace buzon::policy
