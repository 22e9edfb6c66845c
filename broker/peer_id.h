// SPDX-License-Identifier: Apache-2.0
// PeerId: the n-th connection of this bus, and the text of its unique name, `:1.n`.
// Never given out twice while the bus lives, so an id kept across turns can be stale, not wrong.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace buzon::broker {

enum class PeerId : std::uint64_t {};

/// The text of one unique name, held in place; view() lives as long as this object.
class UniqueNameText {
public:
    explicit UniqueNameText(PeerId peer) {
        char* const digits = text_.data() + kPrefix.size();
        const auto end =
            std::to_chars(digits, text_.data() + text_.size(), static_cast<std::uint64_t>(peer));
        size_ = static_cast<std::uint8_t>(end.ptr - text_.data());
    }
    [[nodiscard]] std::string_view view() const { return {text_.data(), size_}; }
    operator std::string_view() const { return view(); }

    static constexpr std::string_view kPrefix = ":1.";

private:
    std::array<char, 24> text_ = {':', '1', '.'};
    std::uint8_t size_ = 0;
};

[[nodiscard]] inline UniqueNameText unique_name_of(PeerId peer) {
    return UniqueNameText(peer);
}

/// The peer whose unique name `text` is, letter by letter: `:1.07` and `:1.+7` name nobody.
[[nodiscard]] inline std::optional<PeerId> parse_unique_name(std::string_view text) {
    if (!text.starts_with(UniqueNameText::kPrefix)) return std::nullopt;
    const std::string_view digits = text.substr(UniqueNameText::kPrefix.size());
    if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
    std::uint64_t number = 0;
    const char* const end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, number);
    if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    return PeerId{number};
}

}  // namespace buzon::broker
