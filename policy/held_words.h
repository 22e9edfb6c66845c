// SPDX-License-Identifier: Apache-2.0
// The names that somebody holds, as far as rules mention them: kept up to date when a name comes or
// goes, so that no message pays for names that no rule knows.
// Invariant: every name was added and is removed with the same vocabulary.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "policy/vocabulary.h"

namespace buzon::policy {

class HeldWords {
public:
    /// `name` is not held yet.
    void add(std::string_view name, const Vocabulary& vocabulary);
    void remove(std::string_view name, const Vocabulary& vocabulary);

    /// Ascending, each once.
    [[nodiscard]] std::span<const TextId> names() const { return names_; }
    /// Prefixes in rules at or below which there is a name.
    [[nodiscard]] std::span<const TextId> prefixes() const { return prefixes_; }

private:
    std::vector<TextId> names_;
    std::vector<TextId> prefixes_;
    std::vector<std::uint32_t> names_below_;  // of the prefix in the same place
};

}  // namespace buzon::policy
