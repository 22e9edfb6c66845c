// SPDX-License-Identifier: Apache-2.0
#include "bus/base/hex.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

namespace buzon::bus {
namespace {

TEST(ToHex, WritesLowerCase) {
    EXPECT_EQ(to_hex(std::string_view("\x00\x1f\xAB", 3)), "001fab");
    EXPECT_EQ(to_hex(std::string_view()), "");
}

TEST(FromHex, ReadsBothCases) {
    EXPECT_EQ(from_hex("414a4B").value_or("?"), "AJK");
    EXPECT_EQ(from_hex("").value_or("?"), "");
    EXPECT_EQ(from_hex("00fF").value_or("?"), std::string("\x00\xff", 2));
}

constexpr struct {
    std::string_view about, digits;
    HexError error;
} kBad[] = {
    {"one digit", "3", HexError::OddLength},
    {"odd", "303", HexError::OddLength},
    {"letter", "3g", HexError::BadDigit},
    {"space", "30 31", HexError::BadDigit},
    {"prefix", "0x30", HexError::BadDigit},
    {"sign", "+3", HexError::BadDigit},
    {"odd and bad: the digit is named", "3z1", HexError::BadDigit},
};
TEST(FromHex, NamesTheViolation) {
    for (const auto& [about, digits, error] : kBad) {
        const auto bytes = from_hex(digits);
        EXPECT_EQ(bytes ? std::nullopt : std::optional{bytes.error()}, error) << about;
    }
}

TEST(HexDigitValue, KnowsTheSixteenAndTheirUpperCase) {
    EXPECT_EQ(hex_digit_value('0'), 0);
    EXPECT_EQ(hex_digit_value('9'), 9);
    EXPECT_EQ(hex_digit_value('a'), 10);
    EXPECT_EQ(hex_digit_value('F'), 15);
    for (const char other : {'/', ':', '@', 'G', '`', 'g', '\0', '\xff'}) {
        EXPECT_EQ(hex_digit_value(other), -1) << int{other};
    }
}

}  // namespace
}  // namespace buzon::bus
