// SPDX-License-Identifier: Apache-2.0
#include "bus/base/hex.h"

namespace buzon::bus {

std::string_view describe(HexError error) {
    switch (error) {
        case HexError::BadDigit: return "a character is not a hexadecimal digit";
        case HexError::OddLength: return "the number of hexadecimal digits is odd";
    }
    return "unknown error";
}

int hex_digit_value(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

std::string to_hex(std::span<const std::byte> bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const std::byte byte : bytes) {
        const auto value = std::to_integer<unsigned>(byte);
        text += kDigits[value >> 4];
        text += kDigits[value & 0xf];
    }
    return text;
}

std::string to_hex(std::string_view text) {
    return to_hex(std::as_bytes(std::span(text)));
}

Result<std::string, HexError> from_hex(std::string_view digits) {
    std::string bytes;
    bytes.reserve(digits.size() / 2);
    int high = -1;
    for (const char digit : digits) {
        const int value = hex_digit_value(digit);
        if (value < 0) return Unexpected{HexError::BadDigit};
        if (high < 0) {
            high = value;
        } else {
            bytes += static_cast<char>(high * 16 + value);
            high = -1;
        }
    }
    if (high >= 0) return Unexpected{HexError::OddLength};
    return bytes;
}

}  // namespace buzon::bus
