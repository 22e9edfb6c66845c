// SPDX-License-Identifier: Apache-2.0
// The names of the other party as far as rules mention them, in numbers, for one decision.
// Cost: nothing for what the party knows already (HeldWords); else one look-up for each of its
// names, or for each name in the rules, whichever are fewer.
#pragma once

#include <array>
#include <cstddef>
#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

#include "policy/held_words.h"
#include "policy/policy_snapshot.h"
#include "policy/vocabulary.h"

namespace buzon::policy {

class PartyIds {
public:
    PartyIds() = default;
    PartyIds(const PartyIds&) = delete;
    PartyIds& operator=(const PartyIds&) = delete;

    /// One name, as it stands.
    void take(std::string_view name, const Vocabulary& vocabulary, const PartyWords& words);
    /// All that `holder` has.
    void take(const NameHolder& holder, const Vocabulary& vocabulary, const PartyWords& words);

    [[nodiscard]] std::span<const TextId> names() const { return names_; }
    [[nodiscard]] std::span<const TextId> prefixes() const { return prefixes_; }

private:
    void take(const HeldWords& held,
              std::string_view unique_name,
              const Vocabulary& vocabulary,
              const PartyWords& words);

    // Most parties have a handful of names: no allocation for them.
    std::array<std::byte, 512> memory_;
    std::pmr::monotonic_buffer_resource resource_{memory_.data(), memory_.size()};
    std::pmr::vector<TextId> names_{&resource_};
    std::pmr::vector<TextId> prefixes_{&resource_};
};

}  // namespace buzon::policy
