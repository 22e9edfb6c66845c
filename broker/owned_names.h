// SPDX-License-Identifier: Apache-2.0
// The well-known names that one peer primarily owns at this moment, as match rules see them.
#pragma once

#include <span>
#include <string_view>

namespace buzon::broker {

class OwnedNames {
public:
    OwnedNames(const OwnedNames&) = delete;
    OwnedNames& operator=(const OwnedNames&) = delete;

    /// Every name once, in no order; valid until the next change of owners.
    [[nodiscard]] virtual std::span<const std::string_view> all() const = 0;
    /// Cost does not depend on how many names there are.
    [[nodiscard]] virtual bool contains(std::string_view name) const = 0;

protected:
    OwnedNames() = default;
    ~OwnedNames() = default;
};

}  // namespace buzon::broker
