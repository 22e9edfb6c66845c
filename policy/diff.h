// SPDX-License-Identifier: Apache-2.0
// Which decisions change between two policies. Not by their texts: both are asked the same
// questions, made from the rules that stand in one only or have moved, alone and crossed with other
// rules, for those whom either names and for somebody else, about parties with one name and two.
// Every change told is real, with a question that shows it. That none is missed is not promised:
// questions that no single rule or pair of rules describes are not asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
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

/// Not all that could be asked was: the rest was too much.
struct DiffCut {
    std::string_view what;
    std::size_t asked = 0;
    std::size_t of = 0;
};

struct PolicyDiff {
    std::vector<PolicyChange> changes;
    std::size_t questions = 0;
    std::vector<DiffCut> cuts;
};

/// So that an answer takes seconds, whatever is compared.
struct DiffBounds {
    /// Who stand for everybody. Those whom the differing rules are about are asked for anyway.
    std::size_t identities = 40;
    /// Questions from rules that differ: alone, and crossed with others.
    std::size_t alone = 300'000;
    std::size_t crossed = 300'000;
    /// Rules that are crossed with others; with how many each, and how many are looked at for that.
    std::size_t rules = 4'000;
    std::size_t partners = 300;
    std::size_t looked_at = 2'000;
    /// Pairs of conditions that messages to somebody with two names are made from, and questions
    /// about them.
    std::size_t pairs = 1'000'000;
    std::size_t pair_questions = 1'000'000;
};

/// `users` tells the groups of those whom the rules name.
[[nodiscard]] PolicyDiff diff(const DiffSide& before,
                              const DiffSide& after,
                              UserDatabase& users,
                              const DiffBounds& bounds = {});

}  // namespace buzon::policy
