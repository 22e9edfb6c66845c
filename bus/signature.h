// SPDX-License-Identifier: Apache-2.0
// Type signatures: their syntax, and how to step over one complete type.
// Source: D-Bus Specification, "Type System"; depths as in protocol.h.
// Compat: dbus-daemon bounds only runs of `a`, so that `a(a(a(…` may have more than 32 arrays in
// all. Here the text of the specification holds, because the receivers' libraries hold to it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "bus/base/result.h"

namespace buzon::bus {

namespace detail {

// What the code of a type tells by itself, in one byte. All fixed-size types are as long as they
// are aligned.
inline constexpr std::uint8_t kAlignmentBits = 0x0f;
inline constexpr std::uint8_t kFixedSizeBit = 0x10;
inline constexpr std::uint8_t kBasicBit = 0x20;

constexpr std::array<std::uint8_t, 256> make_type_facts() {
    std::array<std::uint8_t, 256> facts{};
    const auto set = [&facts](std::string_view codes, unsigned fact) {
        for (const char code : codes) {
            facts[static_cast<unsigned char>(code)] = static_cast<std::uint8_t>(fact);
        }
    };
    set("y", 1U | kFixedSizeBit | kBasicBit);
    set("nq", 2U | kFixedSizeBit | kBasicBit);
    set("biuh", 4U | kFixedSizeBit | kBasicBit);
    set("xtd", 8U | kFixedSizeBit | kBasicBit);
    set("so", 4U | kBasicBit);
    set("g", 1U | kBasicBit);
    set("v", 1U);
    set("a", 4U);
    set("({", 8U);
    return facts;
}
inline constexpr std::array<std::uint8_t, 256> kTypeFacts = make_type_facts();

constexpr unsigned type_facts(char code) {
    return kTypeFacts[static_cast<unsigned char>(code)];
}

}  // namespace detail

enum class SignatureError : std::uint8_t {
    TooLong,
    UnknownType,
    MissingElementType,  // `a` at the end, or before `)` or `}`
    EmptyStruct,
    UnbalancedStruct,
    DictEntryOutsideArray,
    DictEntryKeyNotBasic,
    DictEntryMemberCount,
    UnbalancedDictEntry,
    ArrayTooDeep,
    StructTooDeep,
    NotOneType,  // only from check_single_type
};

[[nodiscard]] std::string_view describe(SignatureError error);

/// Zero or more complete types.
Result<void, SignatureError> check_signature(std::string_view text);
/// Exactly one complete type, as a variant has it.
Result<void, SignatureError> check_single_type(std::string_view text);
/// Length in bytes of the complete type at the start of `text`, which must be valid and not empty.
[[nodiscard]] std::size_t first_type_length(std::string_view text);
/// Alignment in bytes of a value whose type starts with `code`; 0 for a code that starts no type.
[[nodiscard]] constexpr std::size_t alignment_of(char code) {
    return detail::type_facts(code) & detail::kAlignmentBits;
}
/// Bytes of a value of a fixed-size type (`y b n q i u x t d h`); 0 for all others.
[[nodiscard]] constexpr std::size_t fixed_size_of(char code) {
    return (detail::type_facts(code) & detail::kFixedSizeBit) != 0 ? alignment_of(code) : 0;
}
/// `y b n q i u x t d h s o g`.
[[nodiscard]] constexpr bool is_basic_type(char code) {
    return (detail::type_facts(code) & detail::kBasicBit) != 0;
}

}  // namespace buzon::bus
