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

/// For texts of 32 bytes or more.
bool is_long_ascii(std::string_view text);
bool is_any_utf8(std::string_view text);

}  // namespace detail

/// Only bytes 1 to 127.
[[nodiscard, gnu::always_inline]] inline bool is_ascii(std::string_view text) {
    using detail::not_ascii;
    const char* at = text.data();
    const char* const end = at + text.size();
    std::uint64_t found = 0;
    if (text.size() > 64) {
        return detail::is_long_ascii(text);
    } else if (text.size() >= 8) {  // the last eight bytes may be looked at twice
        const char* const last = end - 8;
        found = not_ascii(detail::load_word<std::uint64_t>(last));
        for (; at < last; at += 8) {
            found |= not_ascii(detail::load_word<std::uint64_t>(at));
        }
    } else if (text.size() >= 4) {
        found = not_ascii(detail::load_word<std::uint32_t>(at) |
                          std::uint64_t{detail::load_word<std::uint32_t>(end - 4)} << 32);
    } else {
        for (; at != end; ++at) {
            found |= not_ascii(static_cast<unsigned char>(*at)) & 0x80;
        }
    }
    return (found & detail::kTopBits) == 0;
}

/// Strict UTF-8: no surrogates, no overlong forms, at most U+10FFFF, no NUL. Noncharacters pass.
[[nodiscard, gnu::always_inline]] inline bool is_utf8(std::string_view text) {
    return is_ascii(text) || detail::is_any_utf8(text);
}

/// The first `bytes` of `text`, or up to three fewer, so that no sequence is cut in two.
[[nodiscard]] std::string_view utf8_prefix(std::string_view text, std::size_t bytes);

}  // namespace buzon::bus
