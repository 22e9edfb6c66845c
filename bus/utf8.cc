// SPDX-License-Identifier: Apache-2.0
#include "bus/utf8.h"

#include <array>

namespace buzon::bus {
namespace {

/// What must follow a first byte. The second one has a range of its own, because that is where
/// overlong forms, surrogates and numbers above U+10FFFF show; all later ones have 80 to BF.
struct Sequence {
    std::uint8_t length;  // 0: no sequence begins like this
    std::uint8_t second_min;
    std::uint8_t second_max;
};

constexpr std::array<Sequence, 256> make_sequences() {
    std::array<Sequence, 256> sequences{};
    for (unsigned first = 0xc2; first <= 0xdf; ++first)
        sequences[first] = {2, 0x80, 0xbf};
    for (unsigned first = 0xe0; first <= 0xef; ++first)
        sequences[first] = {3, 0x80, 0xbf};
    for (unsigned first = 0xf0; first <= 0xf4; ++first)
        sequences[first] = {4, 0x80, 0xbf};
    sequences[0xe0].second_min = 0xa0;
    sequences[0xed].second_max = 0x9f;
    sequences[0xf0].second_min = 0x90;
    sequences[0xf4].second_max = 0x8f;
    return sequences;
}
constexpr std::array<Sequence, 256> kSequences = make_sequences();

bool is_continuation(unsigned char byte) {
    return (byte & 0xc0) == 0x80;
}

/// Length of the sequence of two to four bytes at `at`, 0 if there is none. `left` is at least 1.
std::size_t sequence_length(const unsigned char* at, std::size_t left) {
    const Sequence& expected = kSequences[*at];
    if (std::size_t{expected.length} - 1 >= left) return 0;  // always for a length of 0
    if (at[1] < expected.second_min || at[1] > expected.second_max) return 0;
    if (expected.length > 2 && !is_continuation(at[2])) return 0;
    if (expected.length > 3 && !is_continuation(at[3])) return 0;
    return expected.length;
}

}  // namespace

bool detail::is_long_ascii(std::string_view text) {
    const auto found_in_32 = [](const char* at) {
        return not_ascii(load_word<std::uint64_t>(at)) |
               not_ascii(load_word<std::uint64_t>(at + 8)) |
               not_ascii(load_word<std::uint64_t>(at + 16)) |
               not_ascii(load_word<std::uint64_t>(at + 24));
    };
    const char* const last = text.data() + text.size() - 32;  // may be looked at twice
    std::uint64_t found = found_in_32(last);
    for (const char* at = text.data(); at < last; at += 32)
        found |= found_in_32(at);
    return (found & kTopBits) == 0;
}

bool detail::is_any_utf8(std::string_view text) {
    const auto* at = reinterpret_cast<const unsigned char*>(text.data());
    const auto* const end = at + text.size();
    while (at != end) {
        while (end - at >= 8 && is_ascii({reinterpret_cast<const char*>(at), 8}))
            at += 8;
        for (; at != end && *at < 0x80; ++at) {
            if (*at == 0) return false;
        }
        while (at != end && *at >= 0x80) {
            const std::size_t length = sequence_length(at, static_cast<std::size_t>(end - at));
            if (length == 0) return false;
            at += length;
        }
    }
    return true;
}

std::string_view utf8_prefix(std::string_view text, std::size_t bytes) {
    if (bytes >= text.size()) return text;
    for (std::size_t back = 0; back < 4 && back < bytes; ++back) {
        const auto next = static_cast<unsigned char>(text[bytes - back]);
        if (!is_continuation(next)) return text.substr(0, bytes - back);
    }
    return text.substr(0, bytes);  // not UTF-8, wherever it is cut
}

}  // namespace buzon::bus
