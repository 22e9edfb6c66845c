// SPDX-License-Identifier: Apache-2.0
// Integers as configuration files spell them: white space around, a sign, and C's bases (010 is
// eight, 0x10 sixteen), as dbus-daemon takes them.
// Compat: dbus-daemon ignores what follows the digits, so that 5x is five and 1e3 one; we refuse.
#pragma once

#include <cstdint>
#include <string_view>

#include "bus/base/result.h"

namespace buzon::policy {

enum class NumberError : std::uint8_t { NotANumber, Negative, TooLarge };

/// A number from 0 to `maximum`.
bus::Result<std::uint64_t, NumberError> parse_number(std::string_view text, std::uint64_t maximum);

}  // namespace buzon::policy
