// SPDX-License-Identifier: Apache-2.0
#include "bus/wire_reader.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace buzon::bus {
namespace {

using namespace std::string_literals;

std::span<const std::byte> as_bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
}

WireReader little(std::string_view text) {
    return {as_bytes(text), ByteOrder::Little};
}
WireReader big(std::string_view text) {
    return {as_bytes(text), ByteOrder::Big};
}

std::string nested_variants(unsigned depth) {
    std::string bytes;
    for (unsigned i = 1; i < depth; ++i)
        bytes += "\1v\0"s;
    return bytes + "\1y\0\7"s;
}

TEST(WireReader, ReadsIntegersInBothByteOrders) {
    const std::string bytes =
        "\x01\0\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
        "\x01\0\0\0\0\0\0\0"s;
    auto reader = little(bytes);
    EXPECT_EQ(reader.read_byte(), 0x01);
    EXPECT_EQ(reader.read_uint16(), 0x0302);
    EXPECT_EQ(reader.read_uint32(), 0x07060504U);
    EXPECT_EQ(reader.read_uint64(), 0x0f0e0d0c0b0a0908U);
    EXPECT_EQ(reader.read_boolean(), true);
    EXPECT_EQ(reader.read_boolean(), false);
    EXPECT_TRUE(reader.at_end());
    EXPECT_FALSE(reader.failed());

    reader = big(bytes);
    EXPECT_EQ(reader.read_byte(), 0x01);
    EXPECT_EQ(reader.read_uint16(), 0x0203);
    EXPECT_EQ(reader.read_uint32(), 0x04050607U);
    EXPECT_EQ(reader.read_uint64(), 0x08090a0b0c0d0e0fU);
    EXPECT_EQ(reader.read_boolean(), std::nullopt) << "0x01000000 in this order";
}

TEST(WireReader, ReadsTextsAsViewsOfTheBytes) {
    const std::string bytes = "\3\0\0\0foo\0\1\0\0\0+\0\2as\0\0\0\0\0\0\0\0"s;
    auto reader = little(bytes);
    const auto foo = reader.read_string();
    ASSERT_TRUE(foo);
    EXPECT_EQ(*foo, "foo");
    EXPECT_EQ(foo->data(), bytes.data() + 4);
    EXPECT_EQ(reader.read_string(), "+");
    EXPECT_EQ(reader.read_signature(), "as");
    EXPECT_EQ(reader.position(), 18U);
    EXPECT_EQ(reader.read_string(), "");
    EXPECT_TRUE(reader.at_end());
    EXPECT_EQ(big("\0\0\0\3foo\0"s).read_string(), "foo");
}

using Read = std::function<bool(WireReader&)>;
const Read kByte = [](WireReader& r) { return r.read_byte().has_value(); };
const Read kBoolean = [](WireReader& r) { return r.read_boolean().has_value(); };
const Read kUint16 = [](WireReader& r) { return r.read_uint16().has_value(); };
const Read kUint32 = [](WireReader& r) { return r.read_uint32().has_value(); };
const Read kUint64 = [](WireReader& r) { return r.read_uint64().has_value(); };
const Read kString = [](WireReader& r) { return r.read_string().has_value(); };
const Read kSignature = [](WireReader& r) { return r.read_signature().has_value(); };
const Read kAlign8 = [](WireReader& r) { return r.align(8); };
Read array_of(char element) {
    return [element](WireReader& r) { return r.enter_array(element).has_value(); };
}
Read skipping(std::string_view type) {
    return [type](WireReader& r) { return r.skip(type); };
}
Read after_byte(const Read& read) {
    return [read](WireReader& r) { return r.read_byte().has_value() && read(r); };
}

const struct {
    std::string_view about;
    Read read;
    std::string bytes;
} kRefused[] = {
    {"byte of nothing", kByte, ""s},
    {"uint16 of one byte", kUint16, "\1"s},
    {"uint32 of three bytes", kUint32, "\1\1\1"s},
    {"uint64 of seven bytes", kUint64, "\1\1\1\1\1\1\1"s},
    {"uint16 behind padding that is not zero", after_byte(kUint16), "\0\1\0\0"s},
    {"uint32 behind padding that is not zero", after_byte(kUint32), "\0\0\0\1\0\0\0\0"s},
    {"uint64 behind padding that is not zero", after_byte(kUint64),
     "\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0"s},
    {"padding that runs past the end", after_byte(kAlign8), "\0\0\0\0\0\0\0"s},
    {"boolean of 2", kBoolean, "\2\0\0\0"s},
    {"boolean with a high bit", kBoolean, "\1\0\0\x80"s},
    {"string without its NUL", kString, "\1\0\0\0a"s},
    {"string with another byte for its NUL", kString, "\1\0\0\0aa"s},
    {"string longer than the bytes", kString, "\2\0\0\0a\0"s},
    {"string of 4 GiB", kString, "\xff\xff\xff\xff\0"s},
    {"signature without its NUL", kSignature, "\1y"s},
    {"signature with another byte for its NUL", kSignature, "\1yy"s},
    {"signature longer than the bytes", kSignature, "\2y\0"s},
    {"array longer than the bytes", array_of('y'), "\2\0\0\0a"s},
    {"array of 4 GiB", array_of('y'), "\xff\xff\xff\xff\0"s},
    {"array of uint32 of 6 bytes", array_of('u'), "\6\0\0\0\0\0\0\0\0\0"s},
    {"empty array without padding", array_of('t'), "\0\0\0\0"s},
    {"array behind padding that is not zero", array_of('('), "\0\0\0\0\0\1\0\0"s},
    {"skipped variant of two types", skipping("v"), "\2yy\0\0\0"s},
    {"skipped variant of none", skipping("v"), "\0\0"s},
    {"skipped variant of an unknown type", skipping("v"), "\1z\0\0"s},
    {"skipped variants too deep", skipping("v"), nested_variants(65)},
    {"skipped array longer than the bytes", skipping("as"), "\5\0\0\0\0\0\0\0"s},
    {"skipped struct without its last member", skipping("(yy)"), "\1"s},
};

TEST(WireReader, StandsAtTheEndAfterAFailure) {
    for (const auto& [about, read, bytes] : kRefused) {
        auto reader = little(bytes);
        EXPECT_FALSE(read(reader)) << about;
        EXPECT_TRUE(reader.failed()) << about;
        EXPECT_TRUE(reader.at_end()) << about;
        for (const Read& next : {kByte, kBoolean, kUint16, kUint32, kUint64, kString, kSignature,
                                 kAlign8, array_of('y'), skipping("y")}) {
            EXPECT_FALSE(next(reader)) << about;
        }
    }
}

TEST(WireReader, EntersArraysBehindTheirPadding) {
    const struct {
        char element;
        std::string bytes;
        std::size_t first, end;
    } kCases[] = {
        {'y', "\2\0\0\0ab"s, 4, 6},
        {'s', "\5\0\0\0\0\0\0\0\0"s, 4, 9},
        {'t', "\x08\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0"s, 8, 16},
        {'(', "\0\0\0\0\0\0\0\0"s, 8, 8},
        {'{', "\1\0\0\0\0\0\0\0a"s, 8, 9},
        {'v', "\0\0\0\0"s, 4, 4},
    };
    for (const auto& [element, bytes, first, end] : kCases) {
        auto reader = little(bytes);
        EXPECT_EQ(reader.enter_array(element), end) << element;
        EXPECT_EQ(reader.position(), first) << element;
    }
}

TEST(WireReader, AcceptsAnArrayOf64MebibytesAndNoMore) {
    const std::size_t longest = kMaxArrayBytes;
    std::vector<std::byte> bytes(longest + 8);
    store_unsigned(bytes.data(), static_cast<std::uint32_t>(longest), ByteOrder::Big);
    EXPECT_EQ(WireReader(bytes, ByteOrder::Big).enter_array('u'), longest + 4);
    store_unsigned(bytes.data(), static_cast<std::uint32_t>(longest + 4), ByteOrder::Big);
    EXPECT_EQ(WireReader(bytes, ByteOrder::Big).enter_array('u'), std::nullopt);
}

TEST(WireReader, SkipsExactlyOneValue) {
    const struct {
        std::string_view type;
        std::string bytes;
    } kCases[] = {
        {"y", "\1"s},
        {"q", "\1\2"s},
        {"b", "\1\0\0\0"s},
        {"d", "\1\2\3\4\5\6\7\x08"s},
        {"s", "\1\0\0\0a\0"s},
        {"o", "\1\0\0\0/\0"s},
        {"g", "\2as\0"s},
        {"h", "\0\0\0\0"s},
        {"v", "\1u\0\0\1\2\3\4"s},
        {"v", "\5a{sv}\0\0\0\0\0\0\0\0\0\0"s},
        {"v", nested_variants(64)},
        {"ay", "\3\0\0\0abc"s},
        {"at", "\0\0\0\0\0\0\0\0"s},
        {"aas", "\x09\0\0\0\5\0\0\0\0\0\0\0\0"s},
        {"(yy)", "\1\2"s},
        {"(y(u)s)", "\1\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0a\0"s},
        {"a{yv}", "\5\0\0\0\0\0\0\0\1\1y\0\2"s},
        {"(a{yv}y)", "\5\0\0\0\0\0\0\0\1\1y\0\2\3"s},
    };
    for (const auto& [type, bytes] : kCases) {
        const std::string with_more = bytes + "\xff"s;
        auto reader = little(with_more);
        EXPECT_TRUE(reader.skip(type)) << type;
        EXPECT_EQ(reader.position(), bytes.size()) << type;
        EXPECT_FALSE(reader.failed()) << type;
    }
}

}  // namespace
}  // namespace buzon::bus
