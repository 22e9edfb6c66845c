// SPDX-License-Identifier: Apache-2.0
// The environment for services: what UpdateActivationEnvironment has told.
// Invariant: size() is what all variables take up, and never above kMaxBytes.
// Cost of a change: that of its own settings, however many variables there are.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace buzon::broker {

class ActivationEnvironment {
public:
    // Some ten times what desktops have, and no more than is set in about a millisecond.
    static constexpr std::size_t kMaxBytes = std::size_t{256} << 10;
    /// What a variable costs besides its bytes.
    static constexpr std::size_t kEntryBytes = 64;

    using Settings = std::map<std::string_view, std::string_view>;
    using Variables = std::map<std::string, std::string, std::less<>>;

    [[nodiscard]] static std::size_t size_of(std::string_view key, std::string_view value) {
        return kEntryBytes + key.size() + value.size();
    }

    /// Sets all of them; none, and false, if there would be more than kMaxBytes.
    [[nodiscard]] bool update(const Settings& settings);
    [[nodiscard]] const Variables& variables() const { return variables_; }
    [[nodiscard]] std::size_t size() const { return size_; }

private:
    [[nodiscard]] std::size_t size_with(const Settings& settings) const;

    Variables variables_;
    std::size_t size_ = 0;
};

}  // namespace buzon::broker
