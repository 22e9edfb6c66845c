// SPDX-License-Identifier: Apache-2.0
// Equal rules are paired, the first with the first; a longest increasing subsequence of the pairs
// is what has kept its order. O(n log n).
#include "policy/diff_rules.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>
#include <unordered_map>

#include "policy/rule_cover.h"

namespace buzon::policy {

namespace {

using Rules = std::vector<const Rule*>;

struct Pair {
    std::size_t before;
    std::size_t after;
};

std::vector<Pair> paired(const Rules& before, const Rules& after) {
    std::unordered_map<std::uint64_t, std::deque<std::size_t>> unused;
    for (std::size_t index = 0; index < after.size(); ++index) {
        unused[condition_key(*after[index])].push_back(index);
    }
    std::vector<Pair> pairs;
    for (std::size_t index = 0; index < before.size(); ++index) {
        const auto found = unused.find(condition_key(*before[index]));
        if (found == unused.end()) continue;
        auto& candidates = found->second;
        // Rules of one key differ in a few flags only, so the first is nearly always the one.
        constexpr std::size_t kTried = 32;
        for (std::size_t at = 0; at < std::min(kTried, candidates.size()); ++at) {
            if (!is_same_rule(*before[index], *after[candidates[at]])) continue;
            pairs.push_back({index, candidates[at]});
            candidates.erase(candidates.begin() + static_cast<std::ptrdiff_t>(at));
            break;
        }
    }
    return pairs;
}

/// The pairs, whose `before` ascends, that have the longest ascending `after`.
std::vector<Pair> in_order(const std::vector<Pair>& pairs) {
    std::vector<std::size_t> tails;  // indices of pairs
    std::vector<std::optional<std::size_t>> previous(pairs.size());
    for (std::size_t index = 0; index < pairs.size(); ++index) {
        const auto place = std::lower_bound(
            tails.begin(), tails.end(), pairs[index].after,
            [&](std::size_t tail, std::size_t after) { return pairs[tail].after < after; });
        if (place != tails.begin()) previous[index] = *std::prev(place);
        if (place == tails.end())
            tails.push_back(index);
        else
            *place = index;
    }
    std::vector<Pair> chosen;
    std::optional<std::size_t> at;
    if (!tails.empty()) at = tails.back();
    for (; at; at = previous[*at])
        chosen.push_back(pairs[*at]);
    return chosen;
}

}  // namespace

std::vector<const Rule*> differing_rules(const Rules& before, const Rules& after) {
    std::vector<bool> kept_before(before.size());
    std::vector<bool> kept_after(after.size());
    for (const Pair& pair : in_order(paired(before, after))) {
        kept_before[pair.before] = kept_after[pair.after] = true;
    }
    Rules differing;
    for (std::size_t index = 0; index < before.size(); ++index) {
        if (!kept_before[index]) differing.push_back(before[index]);
    }
    for (std::size_t index = 0; index < after.size(); ++index) {
        if (!kept_after[index]) differing.push_back(after[index]);
    }
    return differing;
}

}  // namespace buzon::policy
