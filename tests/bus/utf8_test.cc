// SPDX-License-Identifier: Apache-2.0
#include "bus/utf8.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace buzon::bus {
namespace {

using namespace std::string_literals;

const struct {
    std::string_view about;
    std::string text;
    bool valid;
} kCases[] = {
    {"nothing", "", true},
    {"ASCII", "Hello", true},
    {"highest and lowest of one byte", "\x01\x7f", true},
    {"highest and lowest of two bytes", "\xc2\x80\xdf\xbf", true},
    {"highest and lowest of three bytes", "\xe0\xa0\x80\xef\xbf\xbf", true},
    {"highest and lowest of four bytes", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", true},
    {"beside the surrogates", "\xed\x9f\xbf\xee\x80\x80", true},
    {"noncharacter U+FFFE", "\xef\xbf\xbe", true},
    {"noncharacter U+FDD0", "\xef\xb7\x90", true},
    {"byte order mark", "\xef\xbb\xbfx", true},
    {"several scripts", "Füße, Ελλάδα, Россия, 日本語, 🙂", true},
    {"NUL", "\0"s, false},
    {"NUL behind text", "a\0"s, false},
    {"NUL behind more than ASCII", "é\0"s, false},
    {"continuation alone", "\x80", false},
    {"continuation too many", "\xc3\xa9\xa9", false},
    {"two bytes cut short", "\xc3", false},
    {"three bytes cut short", "\xe2\x82", false},
    {"four bytes cut short", "\xf0\x9f\x99", false},
    {"second byte missing", "\xc3(", false},
    {"third byte missing", "\xe2\x82(", false},
    {"fourth byte missing", "\xf0\x9f\x99(", false},
    {"overlong NUL", "\xc0\x80", false},
    {"overlong slash in two bytes", "\xc0\xaf", false},
    {"overlong in two bytes", "\xc1\xbf", false},
    {"overlong in three bytes", "\xe0\x9f\xbf", false},
    {"overlong in four bytes", "\xf0\x8f\xbf\xbf", false},
    {"first surrogate", "\xed\xa0\x80", false},
    {"last surrogate", "\xed\xbf\xbf", false},
    {"pair of surrogates", "\xed\xa0\xbd\xed\xb9\x82", false},
    {"U+110000", "\xf4\x90\x80\x80", false},
    {"U+1FFFFF", "\xf7\xbf\xbf\xbf", false},
    {"five bytes", "\xf8\x88\x80\x80\x80", false},
    {"six bytes", "\xfc\x84\x80\x80\x80\x80", false},
    {"FE", "\xfe", false},
    {"FF", "\xff", false},
    {"Latin-1", "Fu\xdf ", false},
};

// Every case at every place of a text longer than what is looked at in one go.
TEST(Utf8, IsStrictWhereverTheSequenceStands) {
    for (const auto& [about, text, valid] : kCases) {
        EXPECT_EQ(is_utf8(text), valid) << about;
        for (std::size_t before = 0; before < 70; ++before) {
            for (const std::size_t after : {0U, 1U, 5U, 9U, 40U}) {
                const std::string longer =
                    std::string(before, 'a') + text + std::string(after, 'b');
                EXPECT_EQ(is_utf8(longer), valid) << about << " at " << before << ", " << after;
            }
        }
    }
}

TEST(Utf8, AcceptsEveryScalarValue) {
    for (std::uint32_t value = 1; value <= 0x10ffff; ++value) {
        const auto low = [value](unsigned shift) {
            return static_cast<char>(0x80 | (value >> shift & 0x3f));
        };
        std::string text;
        if (value < 0x80) {
            text = {static_cast<char>(value)};
        } else if (value < 0x800) {
            text = {static_cast<char>(0xc0 | value >> 6), low(0)};
        } else if (value < 0x10000) {
            text = {static_cast<char>(0xe0 | value >> 12), low(6), low(0)};
        } else {
            text = {static_cast<char>(0xf0 | value >> 18), low(12), low(6), low(0)};
        }
        const bool surrogate = value >= 0xd800 && value <= 0xdfff;
        ASSERT_EQ(is_utf8(text), !surrogate) << value;
    }
}

TEST(Utf8Prefix, CutsNoSequenceInTwo) {
    const std::string text = "aüb日c🙂d";
    for (std::size_t bytes = 1; bytes <= text.size(); ++bytes) {
        const std::string_view prefix = utf8_prefix(text, bytes);
        if (bytes >= 4) {
            EXPECT_TRUE(is_utf8(prefix)) << bytes;
            EXPECT_FALSE(prefix.empty()) << bytes;
        }
        EXPECT_LE(prefix.size(), bytes);
        EXPECT_LT(bytes - prefix.size(), 4U);
    }
    EXPECT_EQ(utf8_prefix("abc", 7), "abc");
    EXPECT_EQ(utf8_prefix("\x80\x80\x80\x80\x80\x80", 5).size(), 5U);
}

TEST(Ascii, EveryByteIsJudgedAtEveryPosition) {
    for (std::size_t length = 1; length < 80; ++length) {
        for (std::size_t i = 0; i < length; ++i) {
            for (const unsigned value : {0x00U, 0x01U, 0x7fU, 0x80U, 0xffU}) {
                std::string text(length, 'a');
                text[i] = static_cast<char>(value);
                EXPECT_EQ(is_ascii(text), value > 0 && value < 0x80) << length << " " << i;
            }
        }
    }
}

}  // namespace
}  // namespace buzon::bus
