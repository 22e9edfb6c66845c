// SPDX-License-Identifier: Apache-2.0
// What the command line exempts from the policy: a denial is logged and does not take place. For
// finding out what a policy under construction would break. It never holds for connecting.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace buzon::broker {

struct PermissiveMode {
    bool whole_bus = false;
    /// Where one of these is sender, receiver or the name to be owned.
    std::vector<std::string> names;

    [[nodiscard]] bool is_on() const { return whole_bus || !names.empty(); }
    [[nodiscard]] bool covers(std::string_view name) const {
        return whole_bus || std::find(names.begin(), names.end(), name) != names.end();
    }
    friend bool operator==(const PermissiveMode&, const PermissiveMode&) = default;
};

}  // namespace buzon::broker
