// SPDX-License-Identifier: Apache-2.0
// Which of many rules applies to a question and comes last? Finds it without trying the rules.
// Cost: one hash look-up for each combination of conditions that the rules use (at most 27 for one
// message) and each name of the other party that rules mention, and in each place found at most 60
// comparisons and a binary search among numbers of descriptors. Independent of the rules' number.
// Built rule by rule, so that whoever builds it can stop in between. How: see rule_index.cc.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "bus/base/hash_index.h"
#include "policy/rule.h"
#include "policy/vocabulary.h"

namespace buzon::policy {

/// The header fields that rules compare as a whole; sets of them are bits 1 << field.
enum class TextField : std::uint8_t { Path, Interface, Member, ErrorName };
inline constexpr std::size_t kTextFields = 4;
using FieldSet = std::uint8_t;
using FieldIds = std::array<TextId, kTextFields>;

constexpr FieldSet set_of(TextField field) {
    return static_cast<FieldSet>(1U << static_cast<unsigned>(field));
}

/// Bits; which bit stands for what is up to those who ask (compiler.cc).
using MessageClasses = std::uint32_t;

enum class PartyCondition : std::uint8_t { None, Exact, Prefix };

/// The conditions of one rule in numbers.
struct IndexedRule {
    /// kNoText: no condition. A message without the field fulfils the condition as well, unless
    /// the field is in `required`.
    FieldIds fields{};
    FieldSet required = 0;
    PartyCondition party_condition = PartyCondition::None;
    TextId party = kNoText;
    /// What else is said about the message: in which classes it may be.
    MessageClasses classes = 1;
    std::uint32_t min_fds = 0;
    std::uint32_t max_fds = kAnyFdCount;
};

struct Question {
    FieldIds fields{};
    /// The fields that the message has, whether a rule mentions their texts or not.
    FieldSet present = 0;
    /// The message's class: one bit.
    MessageClasses message_class = 1;
    std::uint32_t fd_count = 0;
    /// What the other party holds of what rules mention: names, and prefixes of names. Each once.
    std::span<const TextId> names = {};
    std::span<const TextId> prefixes = {};
};

class RuleIndex {
public:
    /// Adds a rule that comes after all others; the first one has the number 1.
    void add(const IndexedRule& rule);
    /// To be called once, when all rules are there and before anything is asked.
    void finish();

    /// The last rule that applies; 0: none.
    [[nodiscard]] std::uint32_t best(const Question& question) const;
    /// How many rules apply.
    [[nodiscard]] std::uint32_t count(const Question& question) const;

    /// The fields that any rule has a condition for; the others need no look-up.
    [[nodiscard]] FieldSet used_fields() const { return used_fields_; }
    [[nodiscard]] bool asks_for_party() const { return asks_for_party_; }

private:
    /// Rules with the same fields compared, the same fields absent and the same kind of party.
    struct Group {
        FieldSet compared = 0;
        FieldSet absent = 0;
        PartyCondition party = PartyCondition::None;
        std::uint32_t best = 0;
    };
    struct Key {
        FieldIds fields{};
        TextId party = kNoText;
        std::uint32_t group = 0;  // code_of(Group)
        friend auto operator<=>(const Key&, const Key&) = default;
    };
    static constexpr std::uint32_t kNone = bus::HashIndex::kNone;
    /// Rules of one bucket that accept the same classes. `steps`: none, if they take any number of
    /// descriptors; then `best` and `count` hold always.
    struct Layer {
        MessageClasses classes = 0;
        std::uint32_t best = 0;
        std::uint32_t count = 0;
        std::uint32_t next = kNone;
        std::uint32_t first_step = 0;
        std::uint32_t steps = 0;
        std::uint32_t last_interval = kNone;
    };
    /// A rule of a layer that counts descriptors; the first in the chain may stand for several.
    struct Interval {
        std::uint32_t min_fds;
        std::uint32_t max_fds;
        std::uint32_t rule;
        std::uint32_t count;
        std::uint32_t previous;
    };
    /// From `first_fds` descriptors on, up to the next step.
    struct Step {
        std::uint32_t first_fds = 0;
        std::uint32_t best = 0;
        std::uint32_t count = 0;
    };
    struct Bucket {
        Key key;
        std::uint32_t first_layer = kNone;  // the one with the last rule
    };

    void add_entry(const Group& group, const Key& key, const IndexedRule& rule);
    Bucket& bucket_for(const Key& key);
    Layer& layer_for(Bucket& bucket, MessageClasses classes);
    void add_interval(Layer& layer, const IndexedRule& rule);
    void add_steps(Layer& layer);

    [[nodiscard]] static std::uint32_t code_of(const Group& group);
    [[nodiscard]] static std::uint64_t hash(const Key& key);
    [[nodiscard]] std::uint32_t find(const Key& key) const;
    [[nodiscard]] Step step_for(const Layer& layer, std::uint32_t fd_count) const;
    template <typename Visit>
    void visit_buckets(const Group& group, const Question& question, Visit visit) const;

    std::vector<Group> groups_;
    bus::HashIndex places_;  // of buckets_
    std::vector<Bucket> buckets_;
    std::vector<Layer> layers_;
    std::vector<Step> steps_;
    std::vector<Interval> intervals_;     // until finish()
    std::vector<std::uint32_t> counted_;  // layers with intervals, until finish()
    std::uint32_t rules_ = 0;
    FieldSet used_fields_ = 0;
    bool asks_for_party_ = false;
};

}  // namespace buzon::policy
