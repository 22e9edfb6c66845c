// SPDX-License-Identifier: Apache-2.0
// Whether one rule applies wherever another one does: then the one that comes later leaves nothing
// for the other to decide. Sound and not complete: `true` holds for every question; some pairs that
// overlap in fact, as an interface that only one service has, are not seen.
#pragma once

#include <cstdint>
#include <vector>

#include "policy/rule.h"

namespace buzon::policy {

enum class Coverage : std::uint8_t {
    No,
    /// Wherever it applies, apart from replies that nobody asked for, or from those that somebody
    /// did: an <allow> leaves the former to the rules before it, a <deny> the latter.
    AllButReplies,
    Full,
};

/// Rules of different kinds never cover each other. Users and groups are compared by their text.
[[nodiscard]] Coverage coverage(const Rule& later, const Rule& earlier);

/// The same effect, the same conditions; the place apart.
[[nodiscard]] bool is_same_rule(const Rule& left, const Rule& right);

/// A hash of the conditions on names, types and paths: equal for rules that are the same.
[[nodiscard]] std::uint64_t condition_key(const Rule& rule);
/// The keys that a rule which covers `rule` can have: a few dozen, however many rules there are.
[[nodiscard]] std::vector<std::uint64_t> keys_of_covering(const Rule& rule);

}  // namespace buzon::policy
