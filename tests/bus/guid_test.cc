// SPDX-License-Identifier: Apache-2.0
#include "bus/guid.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <optional>

#include "bus/wire_reader.h"

namespace buzon::bus {
namespace {

TEST(Guid, IsTwelveRandomBytesAndTheTimeBigEndian) {
    std::array<std::byte, Guid::kRandomBytes> random{};
    std::ranges::fill(random, std::byte{0xa5});
    EXPECT_EQ(Guid(random, 0x01020304).to_string(), "a5a5a5a5a5a5a5a5a5a5a5a501020304");
}

TEST(Guid, ParsesWhatItWrites) {
    const Guid guid = generate_guid();
    const auto parsed = Guid::parse(guid.to_string());
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, guid);
}

TEST(Guid, ReadsUpperCaseAndWritesLowerCase) {
    const auto guid = Guid::parse("0123456789ABCDEF0123456789abcdef");
    ASSERT_TRUE(guid);
    EXPECT_EQ(guid->to_string(), "0123456789abcdef0123456789abcdef");
}

constexpr struct {
    std::string_view about, text;
    GuidError error;
} kBad[] = {
    {"nothing", "", GuidError::WrongLength},
    {"one digit short", "0123456789abcdef0123456789abcde", GuidError::WrongLength},
    {"one digit more", "0123456789abcdef0123456789abcdef0", GuidError::WrongLength},
    {"with hyphens", "01234567-89ab-cdef-0123-456789abcdef", GuidError::WrongLength},
    {"not a digit", "0123456789abcdef0123456789abcdeg", GuidError::BadDigit},
    {"a space", " 123456789abcdef0123456789abcdef", GuidError::BadDigit},
};
TEST(Guid, NamesTheViolation) {
    for (const auto& [about, text, error] : kBad) {
        const auto guid = Guid::parse(text);
        EXPECT_EQ(guid ? std::nullopt : std::optional{guid.error()}, error) << about;
    }
}

TEST(GenerateGuid, GivesANewOneEachTime) {
    EXPECT_NE(generate_guid(), generate_guid());
}

TEST(GenerateGuid, EndsInTheWallClock) {
    const auto before = static_cast<std::uint32_t>(std::time(nullptr));
    const Guid guid = generate_guid();
    const auto after = static_cast<std::uint32_t>(std::time(nullptr));
    const auto seconds =
        load_unsigned<std::uint32_t>(guid.bytes().data() + Guid::kRandomBytes, ByteOrder::Big);
    // time() reads a coarse clock, which may lag the exact one by a tick.
    EXPECT_GE(seconds, before);
    EXPECT_LE(seconds, after + 1);
}

}  // namespace
}  // namespace buzon::bus
