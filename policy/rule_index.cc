// SPDX-License-Identifier: Apache-2.0
// Rules that compare the same fields form a group, in which one hash look-up with the message's
// texts finds those that agree with it: a tuple space. A field that a message does not have counts
// as fulfilled, so a rule with conditions on three fields stands in up to eight groups, one for
// each combination of absent fields, and the message's own combination says which groups concern
// it.
//
// A bucket of a group holds the rules with the same texts. They differ only in the classes of
// messages that they accept (type, broadcast, reply asked for, eavesdropping), of which there are
// few, and in the number of descriptors. Rules of the same classes form a layer: the last one wins,
// so a layer is one number, or, where descriptors are counted, one number for each interval.
//
// Groups and layers are in descending order of their best rule, so that a search ends as soon as
// nothing better can come.
#include "policy/rule_index.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <tuple>

namespace buzon::policy {

namespace {

constexpr TextId kNobody[] = {kNoText};

FieldSet fields_of(const FieldIds& ids) {
    unsigned set = 0;
    for (std::size_t field = 0; field < kTextFields; ++field) {
        if (ids[field] != kNoText) set |= 1U << field;
    }
    return static_cast<FieldSet>(set);
}

FieldIds only(const FieldIds& ids, FieldSet set) {
    FieldIds result{};
    for (std::size_t field = 0; field < kTextFields; ++field) {
        if ((set >> field & 1U) != 0) result[field] = ids[field];
    }
    return result;
}

bool takes_any_fds(std::uint32_t min_fds, std::uint32_t max_fds) {
    return min_fds == 0 && max_fds == kAnyFdCount;
}

/// Calls `visit` for each run of neighbours in `items` that are equal in `projection`.
template <typename T, typename Projection, typename Visit>
void for_each_run(std::span<const T> items, Projection projection, Visit visit) {
    for (std::size_t start = 0; start < items.size();) {
        std::size_t end = start + 1;
        while (end < items.size() && projection(items[end]) == projection(items[start]))
            ++end;
        visit(items.subspan(start, end - start));
        start = end;
    }
}

}  // namespace

RuleIndex::RuleIndex(const std::vector<IndexedRule>& rules) {
    std::vector<Entry> entries;
    entries.reserve(rules.size() * 2);
    for (std::uint32_t index = 0; index < rules.size(); ++index)
        add_entries(entries, rules[index], index + 1);
    std::sort(entries.begin(), entries.end(), [](const Entry& left, const Entry& right) {
        return std::tie(left.key, left.classes, right.rule) <
               std::tie(right.key, right.classes, left.rule);
    });

    const std::span<const Entry> all(entries);
    const auto key_of = [](const Entry& entry) -> const Key& { return entry.key; };
    std::size_t buckets = 0;
    for_each_run(all, key_of, [&](std::span<const Entry>) { ++buckets; });
    // At most two slots of three are taken.
    if (buckets > 0) slots_.resize(std::bit_ceil(buckets + buckets / 2 + 1));
    for_each_run(all, key_of, [&](std::span<const Entry> run) { add_bucket(run); });
    layers_.shrink_to_fit();
    steps_.shrink_to_fit();
    add_groups(entries);
}

void RuleIndex::add_entries(std::vector<Entry>& entries,
                            const IndexedRule& rule,
                            std::uint32_t number) {
    if (rule.classes == 0 || rule.min_fds > rule.max_fds) return;
    const FieldSet conditions = fields_of(rule.fields);
    used_fields_ |= conditions;
    if (rule.party_condition != PartyCondition::None) asks_for_party_ = true;
    for (unsigned compared = conditions;; compared = (compared - 1) & conditions) {
        const auto absent = static_cast<FieldSet>(conditions & ~compared);
        if ((absent & rule.required) == 0) {
            const auto set = static_cast<FieldSet>(compared);
            const Group group{set, absent, rule.party_condition, 0};
            const Key key{only(rule.fields, set), rule.party, code_of(group)};
            entries.push_back({key, rule.classes, rule.min_fds, rule.max_fds, number});
        }
        if (compared == 0) return;
    }
}

void RuleIndex::add_bucket(std::span<const Entry> entries) {
    Bucket bucket{entries.front().key, static_cast<std::uint32_t>(layers_.size()), 0};
    for_each_run(
        entries, [](const Entry& entry) { return entry.classes; },
        [&](std::span<const Entry> run) { add_layer(run); });
    bucket.layers = static_cast<std::uint32_t>(layers_.size()) - bucket.first_layer;
    std::sort(layers_.begin() + bucket.first_layer, layers_.end(),
              [](const Layer& left, const Layer& right) { return left.best > right.best; });
    insert(bucket);
}

void RuleIndex::add_layer(std::span<const Entry> entries) {
    Layer layer{entries.front().classes, entries.front().rule,
                static_cast<std::uint32_t>(entries.size()), 0, 0};
    const bool counts_fds = std::any_of(entries.begin(), entries.end(), [](const Entry& entry) {
        return !takes_any_fds(entry.min_fds, entry.max_fds);
    });
    if (counts_fds) add_steps(layer, entries);
    layers_.push_back(layer);
}

/// The last rules first: each takes of its interval what none before it has taken.
void RuleIndex::add_steps(Layer& layer, std::span<const Entry> entries) {
    std::vector<std::uint32_t> starts{0};
    for (const Entry& entry : entries) {
        starts.push_back(entry.min_fds);
        if (entry.max_fds != kAnyFdCount) starts.push_back(entry.max_fds + 1);
    }
    std::sort(starts.begin(), starts.end());
    starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
    const auto position = [&starts](std::uint32_t fds) {
        const auto found = std::lower_bound(starts.begin(), starts.end(), fds);
        return static_cast<std::size_t>(found - starts.begin());
    };

    layer.first_step = static_cast<std::uint32_t>(steps_.size());
    layer.steps = static_cast<std::uint32_t>(starts.size());
    for (const std::uint32_t start : starts)
        steps_.push_back({start, 0, 0});
    Step* const steps = steps_.data() + layer.first_step;

    // next_free[i]: where to look for the first free step from i on; paths are halved in passing.
    std::vector<std::size_t> next_free(starts.size() + 1);
    std::iota(next_free.begin(), next_free.end(), std::size_t{0});
    const auto first_free = [&next_free](std::size_t from) {
        while (next_free[from] != from)
            from = next_free[from] = next_free[next_free[from]];
        return from;
    };
    std::vector<std::uint32_t> ends(starts.size() + 1);
    for (const Entry& entry : entries) {
        const std::size_t begin = position(entry.min_fds);
        const std::size_t end =
            entry.max_fds == kAnyFdCount ? starts.size() : position(entry.max_fds + 1);
        for (std::size_t i = first_free(begin); i < end; i = first_free(i)) {
            steps[i].best = entry.rule;
            next_free[i] = i + 1;
        }
        ++steps[begin].count;
        ++ends[end];
    }
    for (std::size_t i = 1; i < starts.size(); ++i)
        steps[i].count += steps[i - 1].count - ends[i];
}

void RuleIndex::add_groups(const std::vector<Entry>& entries) {
    const auto group_of = [](const Entry& entry) {
        const std::uint32_t code = entry.key.group;
        return Group{static_cast<FieldSet>(code & 15U), static_cast<FieldSet>(code >> 4 & 15U),
                     static_cast<PartyCondition>(code >> 8), 0};
    };
    for (const Entry& entry : entries) {
        const auto known = std::find_if(
            groups_.begin(), groups_.end(),
            [&entry](const Group& group) { return code_of(group) == entry.key.group; });
        Group& group = known == groups_.end() ? groups_.emplace_back(group_of(entry)) : *known;
        group.best = std::max(group.best, entry.rule);
    }
    std::sort(groups_.begin(), groups_.end(),
              [](const Group& left, const Group& right) { return left.best > right.best; });
}

std::uint32_t RuleIndex::code_of(const Group& group) {
    return group.compared | static_cast<std::uint32_t>(group.absent) << 4 |
           static_cast<std::uint32_t>(group.party) << 8;
}

/// The texts are the administrator's, so nobody can aim at one slot.
std::size_t RuleIndex::hash(const Key& key) {
    std::uint64_t hash = key.group;
    for (const std::uint64_t id :
         {key.fields[0], key.fields[1], key.fields[2], key.fields[3], key.party}) {
        hash = (hash ^ id) * 0x9e3779b97f4a7c15U;
        hash ^= hash >> 29;
    }
    return hash;
}

void RuleIndex::insert(const Bucket& bucket) {
    std::size_t slot = hash(bucket.key) & (slots_.size() - 1);
    while (slots_[slot].layers != 0)
        slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = bucket;
}

std::span<const RuleIndex::Layer> RuleIndex::find(const Key& key) const {
    std::size_t slot = hash(key) & (slots_.size() - 1);
    for (; slots_[slot].layers != 0; slot = (slot + 1) & (slots_.size() - 1)) {
        const Bucket& bucket = slots_[slot];
        if (bucket.key == key) return {layers_.data() + bucket.first_layer, bucket.layers};
    }
    return {};
}

RuleIndex::Step RuleIndex::step_for(const Layer& layer, std::uint32_t fd_count) const {
    if (layer.steps == 0) return {0, layer.best, layer.count};
    const Step* const first = steps_.data() + layer.first_step;
    const Step* const after =
        std::upper_bound(first, first + layer.steps, fd_count,
                         [](std::uint32_t fds, const Step& step) { return fds < step.first_fds; });
    return *(after - 1);
}

template <typename Visit>
void RuleIndex::visit_buckets(const Group& group, const Question& question, Visit visit) const {
    const FieldSet known = fields_of(question.fields);
    if ((group.compared & ~known) != 0 || (group.absent & question.present) != 0) return;
    std::span<const TextId> parties = kNobody;
    if (group.party == PartyCondition::Exact) parties = question.names;
    if (group.party == PartyCondition::Prefix) parties = question.prefixes;
    Key key{only(question.fields, group.compared), kNoText, code_of(group)};
    for (const TextId party : parties) {
        key.party = party;
        visit(find(key));
    }
}

std::uint32_t RuleIndex::best(const Question& question) const {
    std::uint32_t best = 0;
    for (const Group& group : groups_) {
        if (group.best <= best) break;
        visit_buckets(group, question, [&](std::span<const Layer> layers) {
            for (const Layer& layer : layers) {
                if (layer.best <= best) return;
                if ((layer.classes & question.message_class) == 0) continue;
                best = std::max(best, step_for(layer, question.fd_count).best);
            }
        });
    }
    return best;
}

std::uint32_t RuleIndex::count(const Question& question) const {
    std::uint32_t count = 0;
    for (const Group& group : groups_) {
        visit_buckets(group, question, [&](std::span<const Layer> layers) {
            for (const Layer& layer : layers) {
                if ((layer.classes & question.message_class) == 0) continue;
                count += step_for(layer, question.fd_count).count;
            }
        });
    }
    return count;
}

}  // namespace buzon::policy
