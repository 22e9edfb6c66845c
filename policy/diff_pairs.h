// SPDX-License-Identifier: Apache-2.0
// A part of diff(): who has several names is judged by the strongest of the rules that decide about
// each of them alone. So two policies that agree about each name alone disagree about one who has
// more exactly if there are two names, one allowed and one denied, whose rules have changed places;
// and these are found without trying all pairs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "policy/policy_set.h"
#include "policy/policy_snapshot.h"

namespace buzon::policy {

/// How one message to somebody who has one name alone is decided, in the same way by both policies.
struct RankedName {
    /// Places of the deciding rules among all that apply; 0: none.
    std::uint64_t before = 0;
    std::uint64_t after = 0;
    bool allowed = false;
    bool log = false;
};

/// Indices of names that are decided differently together: at least one pair if there is any, and
/// no more than a few for each name. O(n log n).
[[nodiscard]] std::vector<std::pair<std::size_t, std::size_t>> discordant_pairs(
    std::span<const RankedName> names);

/// The order in which rules apply to the peers of one snapshot, which must outlive it.
class RuleRanks {
public:
    explicit RuleRanks(const PolicySnapshot& snapshot);
    /// Greater for stronger rules; 0 for none.
    [[nodiscard]] std::uint64_t of(const Rule* rule) const;

private:
    struct Block {
        const Rule* first;
        const Rule* end;
        std::uint64_t rank;
    };
    std::vector<Block> by_address_;
};

}  // namespace buzon::policy
