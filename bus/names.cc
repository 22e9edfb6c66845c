// SPDX-License-Identifier: Apache-2.0
//
// Every message that crosses the bus has three to five names in its header, so they are judged 16
// (short ones 8) bytes at a time: whether a byte may stand where it stands depends on itself and
// on the byte before it alone, and all bytes but the first have one before them. So two loads, one
// byte apart, give a block of bytes and their predecessors. The compiler's portable vectors turn
// this into SSE2 or NEON instructions. Names of up to eight bytes are gone through one by one.
#include "bus/names.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "bus/protocol.h"

namespace buzon::bus {
namespace {

using CharSet = std::uint8_t;
constexpr CharSet kLetter = 0x1;  // with the underscore
constexpr CharSet kDigit = 0x2;
constexpr CharSet kHyphen = 0x4;

constexpr std::array<CharSet, 256> make_char_sets() {
    std::array<CharSet, 256> sets{};
    for (unsigned c = 'a'; c <= 'z'; ++c)
        sets[c] = kLetter;
    for (unsigned c = 'A'; c <= 'Z'; ++c)
        sets[c] = kLetter;
    for (unsigned c = '0'; c <= '9'; ++c)
        sets[c] = kDigit;
    sets['_'] = kLetter;
    sets['-'] = kHyphen;
    return sets;
}
constexpr std::array<CharSet, 256> kCharSets = make_char_sets();

/// Elements with separators between them: the characters that an element may begin with, and those
/// that may follow, which include the former.
struct Syntax {
    char separator;
    CharSet first;
    CharSet others;
};
constexpr Syntax kInterface{'.', kLetter, kLetter | kDigit};
constexpr Syntax kWellKnown{'.', kLetter | kHyphen, kLetter | kDigit | kHyphen};
constexpr Syntax kUnique{'.', kLetter | kDigit | kHyphen, kLetter | kDigit | kHyphen};
constexpr Syntax kPath{'/', kLetter | kDigit, kLetter | kDigit};

enum class Elements : std::uint8_t { Invalid, One, Several };

bool in(CharSet set, char c) {
    return (kCharSets[static_cast<unsigned char>(c)] & set) != 0;
}

template <Syntax kSyntax>
Elements judge_bytes(std::string_view text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    for (auto elements = Elements::One;; elements = Elements::Several) {
        if (at == end || !in(kSyntax.first, *at)) return Elements::Invalid;
        while (++at != end && in(kSyntax.others, *at))
            continue;
        if (at == end) return elements;
        if (*at != kSyntax.separator) return Elements::Invalid;
        ++at;
    }
}

using Block8 [[gnu::vector_size(8)]] = std::int8_t;
using Block16 [[gnu::vector_size(16)]] = std::int8_t;

template <typename Block>
Block load_block(const char* from) {
    Block block;
    std::memcpy(&block, from, sizeof block);
    return block;
}

template <typename Block>
constexpr Block all(char c) {
    return Block{} + static_cast<std::int8_t>(c);
}

bool is_zero(Block8 block) {
    return std::bit_cast<std::uint64_t>(block) == 0;
}

bool is_zero(Block16 block) {
    using Words [[gnu::vector_size(16)]] = std::uint64_t;
    const auto words = std::bit_cast<Words>(block);
    return (words[0] | words[1]) == 0;
}

/// What was found in the blocks so far; a byte that is not zero means yes.
template <typename Block>
struct Findings {
    Block wrong{};
    Block separators{};
};

/// Judges the bytes at `at` by themselves and by those one byte before them. Bytes above 127 count
/// as negative here, and so below everything.
template <Syntax kSyntax, typename Block>
[[gnu::always_inline]] inline void judge_block(const char* at, Findings<Block>& findings) {
    const auto here = load_block<Block>(at);
    const auto before = load_block<Block>(at - 1);
    const auto is_between = [](Block block, char low, char high) {
        return (block > all<Block>(static_cast<char>(low - 1))) &
               (block < all<Block>(static_cast<char>(high + 1)));
    };
    const Block in_lower_case = here | all<Block>(0x20);
    const Block letters = is_between(in_lower_case, 'a', 'z') | (here == all<Block>('_'));
    const Block digits = is_between(here, '0', '9');
    const Block hyphens = here == all<Block>('-');
    const auto in = [&](CharSet set) {
        Block result = letters;
        if ((set & kDigit) != 0) result |= digits;
        if ((set & kHyphen) != 0) result |= hyphens;
        return result;
    };
    const Block separators = here == all<Block>(kSyntax.separator);
    const Block begins = before == all<Block>(kSyntax.separator);
    findings.wrong |= ~(in(kSyntax.others) | separators) | (begins & ~in(kSyntax.first));
    findings.separators |= separators;
}

/// `text` is longer than a block. The last two blocks may overlap.
template <Syntax kSyntax, typename Block>
Elements judge_blocks(std::string_view text) {
    if (!in(kSyntax.first, text.front()) || text.back() == kSyntax.separator) {
        return Elements::Invalid;
    }
    Findings<Block> findings;
    const char* const last = text.data() + text.size() - sizeof(Block);
    judge_block<kSyntax>(last, findings);
    for (const char* at = text.data() + 1; at < last; at += sizeof(Block)) {
        judge_block<kSyntax>(at, findings);
    }
    if (!is_zero(findings.wrong)) return Elements::Invalid;
    return is_zero(findings.separators) ? Elements::One : Elements::Several;
}

template <Syntax kSyntax>
Elements judge(std::string_view text) {
    if (text.size() > sizeof(Block16)) return judge_blocks<kSyntax, Block16>(text);
    if (text.size() > sizeof(Block8)) return judge_blocks<kSyntax, Block8>(text);
    return judge_bytes<kSyntax>(text);
}

bool fits(std::string_view text) {
    return text.size() <= kMaxNameBytes;
}

bool is_unique(std::string_view text) {
    return !text.empty() && text.front() == ':';
}

}  // namespace

bool is_interface_name(std::string_view text) {
    return fits(text) && judge<kInterface>(text) == Elements::Several;
}

bool is_error_name(std::string_view text) {
    return is_interface_name(text);
}

bool is_member_name(std::string_view text) {
    return fits(text) && judge<kInterface>(text) == Elements::One;
}

bool is_well_known_name(std::string_view text) {
    return fits(text) && judge<kWellKnown>(text) == Elements::Several;
}

bool is_unique_name(std::string_view text) {
    if (!fits(text) || !is_unique(text)) return false;
    if (text.size() == 1) return true;
    const std::size_t first_element_at = text[1] == '.' ? 2 : 1;
    return judge<kUnique>(text.substr(first_element_at)) != Elements::Invalid;
}

bool is_bus_name(std::string_view text) {
    return is_unique(text) ? is_unique_name(text) : is_well_known_name(text);
}

bool is_bus_namespace(std::string_view text) {
    if (is_unique(text)) return is_unique_name(text);
    return fits(text) && judge<kWellKnown>(text) != Elements::Invalid;
}

bool is_object_path(std::string_view text) {
    if (text.empty() || text.front() != '/') return false;
    return text.size() == 1 || judge<kPath>(text.substr(1)) != Elements::Invalid;
}

}  // namespace buzon::bus
