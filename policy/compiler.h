// SPDX-License-Identifier: Apache-2.0
// <policy> blocks that always apply together become one unit: for own, send and receive an index
// that gives the last rule which applies. What a rule means still stands in rule_match.cc: its
// conditions on the kind of message are turned into sets of classes by asking matches().
// A snapshot asks a handful of units in turn, so units are shared and no snapshot copies rules.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "policy/policy_snapshot.h"
#include "policy/rule.h"
#include "policy/rule_index.h"
#include "policy/vocabulary.h"

namespace buzon::policy {

/// Rules of one kind of one unit, without those that a later one makes void.
struct CompiledList {
    /// Whether the list allows everything unlogged; Open: that is for the units below to say.
    enum class Quick : std::uint8_t { Open, Yes, No };

    /// In the order of application; the index counts them from 1 on.
    std::vector<const Rule*> rules;
    RuleIndex index;
    Quick allows_everything = Quick::Open;
    /// Its first rule makes void what the units below say.
    bool voids_earlier = false;
};

struct CompiledRules {
    CompiledList own;
    CompiledList send;
    CompiledList receive;
};

/// `rules`: in the order of application, of all kinds; they and the texts of `vocabulary`, which
/// must be theirs, outlive the result. 10^5 rules take about a tenth of a second.
[[nodiscard]] CompiledRules compile(std::span<const Rule* const> rules,
                                    const Vocabulary& vocabulary);

/// The one class that a message on its way out, or in, belongs to.
[[nodiscard]] MessageClasses class_of(const SendQuery& query);
[[nodiscard]] MessageClasses class_of(const ReceiveQuery& query);

}  // namespace buzon::policy
