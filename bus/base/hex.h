// SPDX-License-Identifier: Apache-2.0
// Bytes to and from hexadecimal digits. Writes lower case, reads both cases.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "bus/base/result.h"

namespace buzon::bus {

enum class HexError : std::uint8_t { BadDigit, OddLength };

[[nodiscard]] std::string_view describe(HexError error);

/// 0 to 15, or -1 for what is not a digit.
[[nodiscard]] int hex_digit_value(char digit);
[[nodiscard]] std::string to_hex(std::span<const std::byte> bytes);
[[nodiscard]] std::string to_hex(std::string_view text);
/// The bytes that `digits` stand for; none for no digits. BadDigit goes before OddLength.
Result<std::string, HexError> from_hex(std::string_view digits);

}  // namespace buzon::bus
