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
// nothing better can come. Rules come in ascending order: a layer that gets one moves to the front.
#include "policy/rule_index.h"

#include <algorithm>
#include <numeric>
#include <utility>

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

}  // namespace

void RuleIndex::add(const IndexedRule& rule) {
    ++rules_;
    if (rule.classes == 0 || rule.min_fds > rule.max_fds) return;
    const FieldSet conditions = fields_of(rule.fields);
    used_fields_ |= conditions;
    if (rule.party_condition != PartyCondition::None) asks_for_party_ = true;
    for (unsigned compared = conditions;; compared = (compared - 1) & conditions) {
        const auto absent = static_cast<FieldSet>(conditions & ~compared);
        if ((absent & rule.required) == 0) {
            const auto set = static_cast<FieldSet>(compared);
            const Group group{set, absent, rule.party_condition, 0};
            add_entry(group, {only(rule.fields, set), rule.party, code_of(group)}, rule);
        }
        if (compared == 0) return;
    }
}

void RuleIndex::add_entry(const Group& group, const Key& key, const IndexedRule& rule) {
    const auto known = std::find_if(groups_.begin(), groups_.end(), [&key](const Group& other) {
        return code_of(other) == key.group;
    });
    (known == groups_.end() ? groups_.emplace_back(group) : *known).best = rules_;

    Layer& layer = layer_for(bucket_for(key), rule.classes);
    if (layer.last_interval != kNone || !takes_any_fds(rule.min_fds, rule.max_fds)) {
        add_interval(layer, rule);
    }
    layer.best = rules_;
    ++layer.count;
}

RuleIndex::Bucket& RuleIndex::bucket_for(const Key& key) {
    const std::uint64_t key_hash = hash(key);
    std::uint32_t place =
        places_.find(key_hash, [&](std::uint32_t number) { return buckets_[number].key == key; });
    if (place == kNone) {
        place = static_cast<std::uint32_t>(buckets_.size());
        places_.insert(key_hash, place);
        buckets_.push_back({key});
    }
    return buckets_[place];
}

/// It becomes the first one of its bucket.
RuleIndex::Layer& RuleIndex::layer_for(Bucket& bucket, MessageClasses classes) {
    std::uint32_t* link = &bucket.first_layer;
    while (*link != kNone && layers_[*link].classes != classes)
        link = &layers_[*link].next;
    std::uint32_t found = *link;
    if (found == kNone) {
        found = static_cast<std::uint32_t>(layers_.size());
        layers_.push_back({.classes = classes});
    } else {
        *link = layers_[found].next;
    }
    layers_[found].next = std::exchange(bucket.first_layer, found);
    return layers_[found];
}

/// Before `rule` is counted in its layer.
void RuleIndex::add_interval(Layer& layer, const IndexedRule& rule) {
    const auto add = [&](std::uint32_t min_fds, std::uint32_t max_fds, std::uint32_t number,
                         std::uint32_t count) {
        intervals_.push_back({min_fds, max_fds, number, count, layer.last_interval});
        layer.last_interval = static_cast<std::uint32_t>(intervals_.size() - 1);
    };
    if (layer.last_interval == kNone) {
        counted_.push_back(static_cast<std::uint32_t>(&layer - layers_.data()));
        if (layer.count > 0) add(0, kAnyFdCount, layer.best, layer.count);
    }
    add(rule.min_fds, rule.max_fds, rules_, 1);
}

void RuleIndex::finish() {
    for (const std::uint32_t layer : std::exchange(counted_, {}))
        add_steps(layers_[layer]);
    intervals_ = {};
    std::sort(groups_.begin(), groups_.end(),
              [](const Group& left, const Group& right) { return left.best > right.best; });
}

/// The last rules first: each takes of its interval what none before it has taken.
void RuleIndex::add_steps(Layer& layer) {
    std::vector<std::uint32_t> starts{0};
    for (auto i = layer.last_interval; i != kNone; i = intervals_[i].previous) {
        starts.push_back(intervals_[i].min_fds);
        if (intervals_[i].max_fds != kAnyFdCount) starts.push_back(intervals_[i].max_fds + 1);
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
    for (auto i = layer.last_interval; i != kNone; i = intervals_[i].previous) {
        const Interval& interval = intervals_[i];
        const std::size_t begin = position(interval.min_fds);
        const std::size_t end =
            interval.max_fds == kAnyFdCount ? starts.size() : position(interval.max_fds + 1);
        for (std::size_t step = first_free(begin); step < end; step = first_free(step)) {
            steps[step].best = interval.rule;
            next_free[step] = step + 1;
        }
        steps[begin].count += interval.count;
        ends[end] += interval.count;
    }
    for (std::size_t i = 1; i < starts.size(); ++i)
        steps[i].count += steps[i - 1].count - ends[i];
}

std::uint32_t RuleIndex::code_of(const Group& group) {
    return group.compared | static_cast<std::uint32_t>(group.absent) << 4 |
           static_cast<std::uint32_t>(group.party) << 8;
}

/// The texts are the administrator's, so nobody can aim at one slot.
std::uint64_t RuleIndex::hash(const Key& key) {
    std::uint64_t hash = key.group;
    for (const std::uint64_t id :
         {key.fields[0], key.fields[1], key.fields[2], key.fields[3], key.party}) {
        hash = (hash ^ id) * 0x9e3779b97f4a7c15U;
        hash ^= hash >> 29;
    }
    return hash;
}

/// The first layer of its bucket.
std::uint32_t RuleIndex::find(const Key& key) const {
    const std::uint32_t place =
        places_.find(hash(key), [&](std::uint32_t number) { return buckets_[number].key == key; });
    return place == kNone ? kNone : buckets_[place].first_layer;
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
        visit_buckets(group, question, [&](std::uint32_t number) {
            for (; number != kNone; number = layers_[number].next) {
                const Layer& layer = layers_[number];
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
        visit_buckets(group, question, [&](std::uint32_t number) {
            for (; number != kNone; number = layers_[number].next) {
                const Layer& layer = layers_[number];
                if ((layer.classes & question.message_class) == 0) continue;
                count += step_for(layer, question.fd_count).count;
            }
        });
    }
    return count;
}

}  // namespace buzon::policy
