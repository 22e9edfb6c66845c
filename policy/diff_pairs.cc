// SPDX-License-Identifier: Apache-2.0
#include "policy/diff_pairs.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <optional>

namespace buzon::policy {

namespace {

std::size_t class_of(const RankedName& name) {
    if (!name.allowed) return 0;
    return name.log ? 2 : 1;
}

}  // namespace

std::vector<std::pair<std::size_t, std::size_t>> discordant_pairs(
    std::span<const RankedName> names) {
    std::vector<std::size_t> order(names.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
        return names[left].before < names[right].before;
    });
    std::vector<std::pair<std::size_t, std::size_t>> pairs;
    // Of those that were weaker before, the one that is strongest now, for each answer.
    std::array<std::optional<std::size_t>, 3> strongest;
    for (const std::size_t index : order) {
        const std::size_t own = class_of(names[index]);
        for (std::size_t other = 0; other < strongest.size(); ++other) {
            if (other == own || !strongest[other]) continue;
            if (names[*strongest[other]].after > names[index].after)
                pairs.emplace_back(*strongest[other], index);
        }
        if (!strongest[own] || names[*strongest[own]].after < names[index].after)
            strongest[own] = index;
    }
    return pairs;
}

RuleRanks::RuleRanks(const PolicySnapshot& snapshot) {
    std::uint64_t rank = 0;
    for (const std::uint32_t index : snapshot.blocks()) {
        const auto& rules = snapshot.set().blocks()[index].rules;
        if (rules.empty()) continue;
        by_address_.push_back({rules.data(), rules.data() + rules.size(), rank});
        rank += rules.size();
    }
    std::sort(by_address_.begin(), by_address_.end(), [](const Block& left, const Block& right) {
        return std::less<>()(left.first, right.first);
    });
}

std::uint64_t RuleRanks::of(const Rule* rule) const {
    if (!rule) return 0;
    const auto behind = std::upper_bound(
        by_address_.begin(), by_address_.end(), rule,
        [](const Rule* wanted, const Block& block) { return std::less<>()(wanted, block.first); });
    if (behind == by_address_.begin()) return 0;
    const Block& block = *std::prev(behind);
    return block.rank + static_cast<std::uint64_t>(rule - block.first) + 1;
}

}  // namespace buzon::policy
