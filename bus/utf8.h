// SPDX-License-Identifier: Apache-2.0
// Strict UTF-8, as strings on the bus have to be. Most of them are short and plain ASCII, which is
// found out eight bytes at a time.
// Source: D-Bus Specification, "Basic types"; Unicode, table 3-7.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace buzon::bus {

namespace detail {

template <typename Word>
[[nodiscard]] inline Word load_word(const char* from) {
    Word word;
    std::memcpy(&word, from, sizeof word);
    return word;
}

/// The top bit of some byte is set where `word` has a byte that is NUL or above 127, and of none
/// otherwise. Results may be joined by `|`.
[[nodiscard]] constexpr std::uint64_t not_ascii(std::uint64_t word) {
    return (word - 0x0101010101010101U) | word;
}
inline constexpr std::uint64_t kTopBits = 0x8080808080808080U;

bool is_utf8_from(std::string_view text);

}  // namespace detail

/// Only bytes 1 to 127.
[[nodiscard]] inline bool is_ascii(std::string_view text) {
    using detail::load_word;
    using detail::not_ascii;
    const char* at = text.data();
    std::size_t left = text.size();
    if (left < 8) {
        if (left >= 4) {  // the two loads overlap
            const std::uint64_t word = load_word<std::uint32_t>(at) |
                                       std::uint64_t{load_word<std::uint32_t>(at + left - 4)} << 32;
            return (not_ascii(word) & detail::kTopBits) == 0;
        }
        std::uint64_t found = 0;
        while (left > 0)
            found |= not_ascii(static_cast<unsigned char>(at[--left]));
        return (found & 0x80) == 0;
    }
    for (; left > 32; at += 32, left -= 32) {
        const std::uint64_t found = not_ascii(load_word<std::uint64_t>(at)) |
                                    not_ascii(load_word<std::uint64_t>(at + 8)) |
                                    not_ascii(load_word<std::uint64_t>(at + 16)) |
                                    not_ascii(load_word<std::uint64_t>(at + 24));
        if ((found & detail::kTopBits) != 0) return false;
    }
    for (; left > 8; at += 8, left -= 8) {
        if ((not_ascii(load_word<std::uint64_t>(at)) & detail::kTopBits) != 0) return false;
    }
    return (not_ascii(load_word<std::uint64_t>(at + left - 8)) & detail::kTopBits) == 0;
}

/// Strict UTF-8: no surrogates, no overlong forms, at most U+10FFFF, no NUL. Noncharacters pass.
[[nodiscard]] inline bool is_utf8(std::string_view text) {
    return is_ascii(text) || detail::is_utf8_from(text);
}

}  // namespace buzon::bus
