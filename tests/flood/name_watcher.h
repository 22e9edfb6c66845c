// SPDX-License-Identifier: Apache-2.0
// Who follows NameOwnerChanged, as many programs do, and at the end compares the names that there
// must be with ListNames. The signals before its answer are exactly those that made it so.
#pragma once

#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/flood/role.h"

namespace buzon::flood {

inline constexpr std::string_view kNameOwnerChangedRule =
    "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'";

/// The names on a bus, by what is told of them.
class NamesSeen {
public:
    /// An answer of ListNames, the first.
    void begin(std::span<const std::byte> list);
    /// NameOwnerChanged. One that tells what is so already counts as a difference.
    void change(std::span<const std::byte> signal);
    /// In how many names another answer differs from what has been seen, and how many changes
    /// were none.
    [[nodiscard]] std::size_t differences(std::span<const std::byte> list) const;

private:
    std::set<std::string, std::less<>> names_;
    std::size_t no_changes_ = 0;
};

/// Each difference counts as a signal lost.
[[nodiscard]] Actor name_watcher();

}  // namespace buzon::flood
