// SPDX-License-Identifier: Apache-2.0
// Type signatures: their syntax, and how to step over one complete type.
// Source: D-Bus Specification, "Type System"; depths as in protocol.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "bus/base/result.h"

namespace buzon::bus {

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
    DictEntryTooDeep,
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
[[nodiscard]] std::size_t alignment_of(char code);
/// Bytes of a value of a fixed-size type (`y b n q i u x t d h`); 0 for all others.
[[nodiscard]] std::size_t fixed_size_of(char code);
/// `y b n q i u x t d h s o g`.
[[nodiscard]] bool is_basic_type(char code);

}  // namespace buzon::bus
