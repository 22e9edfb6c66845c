// SPDX-License-Identifier: Apache-2.0
#include "bus/names.h"

#include <array>
#include <cstddef>
#include <cstdint>

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

/// The characters that an element may begin with, and those that may follow.
struct ElementSyntax {
    CharSet first;
    CharSet others;
};
constexpr ElementSyntax kInterfaceElement{kLetter, kLetter | kDigit};
constexpr ElementSyntax kWellKnownElement{kLetter | kHyphen, kLetter | kDigit | kHyphen};
constexpr ElementSyntax kUniqueElement{kLetter | kDigit | kHyphen, kLetter | kDigit | kHyphen};
constexpr ElementSyntax kPathElement{kLetter | kDigit, kLetter | kDigit};

bool in(CharSet set, char c) {
    return (kCharSets[static_cast<unsigned char>(c)] & set) != 0;
}

/// How many elements `text` consists of; 0 where one is empty or has a character it may not have.
template <char kSeparator, ElementSyntax kSyntax>
std::size_t count_elements(std::string_view text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    for (std::size_t elements = 1;; ++elements) {
        if (at == end || !in(kSyntax.first, *at)) return 0;
        do {
            ++at;
        } while (at != end && in(kSyntax.others, *at));
        if (at == end) return elements;
        if (*at != kSeparator) return 0;
        ++at;
    }
}

bool fits(std::string_view text) {
    return text.size() <= kMaxNameBytes;
}

bool is_unique(std::string_view text) {
    return !text.empty() && text.front() == ':';
}

}  // namespace

bool is_interface_name(std::string_view text) {
    return fits(text) && count_elements<'.', kInterfaceElement>(text) >= 2;
}

bool is_error_name(std::string_view text) {
    return is_interface_name(text);
}

bool is_member_name(std::string_view text) {
    return fits(text) && count_elements<'.', kInterfaceElement>(text) == 1;
}

bool is_well_known_name(std::string_view text) {
    return fits(text) && count_elements<'.', kWellKnownElement>(text) >= 2;
}

bool is_unique_name(std::string_view text) {
    if (!fits(text) || !is_unique(text)) return false;
    if (text.size() == 1) return true;
    const std::size_t first_element_at = text[1] == '.' ? 2 : 1;
    return count_elements<'.', kUniqueElement>(text.substr(first_element_at)) >= 1;
}

bool is_bus_name(std::string_view text) {
    return is_unique(text) ? is_unique_name(text) : is_well_known_name(text);
}

bool is_bus_namespace(std::string_view text) {
    if (is_unique(text)) return is_unique_name(text);
    return fits(text) && count_elements<'.', kWellKnownElement>(text) >= 1;
}

bool is_object_path(std::string_view text) {
    if (text.empty() || text.front() != '/') return false;
    return text.size() == 1 || count_elements<'/', kPathElement>(text.substr(1)) >= 1;
}

}  // namespace buzon::bus
