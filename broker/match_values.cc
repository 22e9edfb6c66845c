// SPDX-License-Identifier: Apache-2.0
#include "broker/match_values.h"

#include <cassert>

#include "broker/match_rule.h"

namespace buzon::broker {

MatchValues::Id MatchValues::acquire(std::string_view text) {
    const std::uint64_t hash = bus::hash_text(text, seed_);
    Id value = find(text, hash);
    if (value == kNone) {
        Value fresh{std::make_unique_for_overwrite<char[]>(text.size()),
                    static_cast<std::uint32_t>(text.size())};
        text.copy(fresh.bytes.get(), text.size());
        value = values_.add(std::move(fresh));
        index_.insert(hash, value);
    }
    acquire(value);
    return value;
}

void MatchValues::release(Id value) {
    assert(values_[value].references > 0);
    if (--values_[value].references > 0) return;
    index_.erase(bus::hash_text(text(value), seed_), value);
    values_.remove(value);
}

MatchValues::Id MatchValues::find(std::string_view text) const {
    // A rule is shorter than this, so longer texts are not worth a hash.
    if (text.size() > kMaxMatchRuleBytes) return kNone;
    return find(text, bus::hash_text(text, seed_));
}

MatchValues::Id MatchValues::find(std::string_view text, std::uint64_t hash) const {
    return index_.find(hash, [&](Id value) { return values_[value].view() == text; });
}

}  // namespace buzon::broker
