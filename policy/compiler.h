// SPDX-License-Identifier: Apache-2.0
// <policy> blocks that always apply together become one unit: for own, send and receive an index
// that gives the last rule which applies. What a rule means still stands in rule_match.cc: its
// conditions on the kind of message are turned into sets of classes by asking matches().
// A snapshot asks a handful of units in turn, so units are shared and no snapshot copies rules.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
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

/// Compiles rule by rule: about a microsecond each.
class RuleCompiler {
public:
    /// Adds a rule that comes after all others of `unit`; connect rules change nothing. The rule
    /// and the texts of `vocabulary`, which has it already, outlive the unit.
    void add(CompiledRules& unit, const Rule& rule, const Vocabulary& vocabulary);
    /// To be called once, when `unit` has all its rules and before it is asked.
    static void finish(CompiledRules& unit);

private:
    /// The classes that a rule accepts, by its conditions on the kind of message.
    using KnownClasses = std::array<std::optional<MessageClasses>, 256>;

    KnownClasses send_classes_;
    KnownClasses receive_classes_;
};

/// The one class that a message on its way out, or in, belongs to.
[[nodiscard]] MessageClasses class_of(const SendQuery& query);
[[nodiscard]] MessageClasses class_of(const ReceiveQuery& query);

}  // namespace buzon::policy
