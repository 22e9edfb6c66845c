// SPDX-License-Identifier: Apache-2.0
#include "bus/wire_writer.h"

#include <functional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace buzon::bus {
namespace {

using namespace std::string_literals;

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

using Write = std::function<void(WireWriter&)>;

const struct {
    std::string_view about;
    Write write;
    std::string little, big;
} kCases[] = {
    {"byte", [](WireWriter& w) { w.write_byte(7); }, "\7"s, "\7"s},
    {"booleans",
     [](WireWriter& w) {
         w.write_boolean(true);
         w.write_boolean(false);
     },
     "\1\0\0\0\0\0\0\0"s, "\0\0\0\1\0\0\0\0"s},
    {"uint16 behind a byte",
     [](WireWriter& w) {
         w.write_byte(1);
         w.write_uint16(0x0203);
     },
     "\1\0\3\2"s, "\1\0\2\3"s},
    {"int16", [](WireWriter& w) { w.write_int16(-2); }, "\xfe\xff"s, "\xff\xfe"s},
    {"uint32 behind a byte",
     [](WireWriter& w) {
         w.write_byte(1);
         w.write_uint32(0x02030405);
     },
     "\1\0\0\0\5\4\3\2"s, "\1\0\0\0\2\3\4\5"s},
    {"int32", [](WireWriter& w) { w.write_int32(-2); }, "\xfe\xff\xff\xff"s, "\xff\xff\xff\xfe"s},
    {"uint64 behind a byte",
     [](WireWriter& w) {
         w.write_byte(1);
         w.write_uint64(0x0203040506070809);
     },
     "\1\0\0\0\0\0\0\0\x09\x08\7\6\5\4\3\2"s, "\1\0\0\0\0\0\0\0\2\3\4\5\6\7\x08\x09"s},
    {"int64", [](WireWriter& w) { w.write_int64(-2); }, "\xfe\xff\xff\xff\xff\xff\xff\xff"s,
     "\xff\xff\xff\xff\xff\xff\xff\xfe"s},
    {"double", [](WireWriter& w) { w.write_double(1.0); }, "\0\0\0\0\0\0\xf0\x3f"s,
     "\x3f\xf0\0\0\0\0\0\0"s},
    {"strings, as in the specification",
     [](WireWriter& w) {
         w.write_string("foo");
         w.write_string("+");
         w.write_string("bar");
     },
     "\3\0\0\0foo\0\1\0\0\0+\0\0\0\3\0\0\0bar\0"s, "\0\0\0\3foo\0\0\0\0\1+\0\0\0\0\0\0\3bar\0"s},
    {"signature", [](WireWriter& w) { w.write_signature("a{sv}"); }, "\5a{sv}\0"s, "\5a{sv}\0"s},
    {"array of int64, as in the specification",
     [](WireWriter& w) {
         const auto array = w.begin_array('x');
         w.write_int64(5);
         w.end_array(array);
     },
     "\x08\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0"s, "\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\5"s},
    {"empty array of structs, padded all the same",
     [](WireWriter& w) { w.end_array(w.begin_array('(')); }, "\0\0\0\0\0\0\0\0"s,
     "\0\0\0\0\0\0\0\0"s},
    {"dict in a dict",
     [](WireWriter& w) {
         const auto outer = w.begin_array('{');
         w.align_struct();
         w.write_byte(1);
         const auto inner = w.begin_array('{');
         w.align_struct();
         w.write_byte(2);
         w.write_signature("y");
         w.write_byte(3);
         w.end_array(inner);
         w.end_array(outer);
     },
     "\x0d\0\0\0\0\0\0\0\1\0\0\0\5\0\0\0\2\1y\0\3"s,
     "\0\0\0\x0d\0\0\0\0\1\0\0\0\0\0\0\5\2\1y\0\3"s},
    {"structs behind each other",
     [](WireWriter& w) {
         w.align_struct();
         w.write_byte(1);
         w.align_struct();
         w.write_byte(2);
     },
     "\1\0\0\0\0\0\0\0\2"s, "\1\0\0\0\0\0\0\0\2"s},
};

TEST(WireWriter, WritesBothByteOrders) {
    for (const auto& [about, write, little, big] : kCases) {
        WireWriter writer;
        write(writer);
        EXPECT_EQ(text_of(writer.bytes()), little) << about;
        EXPECT_EQ(writer.size(), little.size()) << about;
        WireWriter big_writer(ByteOrder::Big);
        write(big_writer);
        EXPECT_EQ(text_of(big_writer.bytes()), big) << about;
    }
}

TEST(WireWriter, PadsWithZerosWhereOldBytesStood) {
    WireWriter writer;
    for (int i = 0; i < 64; ++i)
        writer.write_byte(0xff);
    writer.clear();
    EXPECT_EQ(writer.size(), 0U);
    writer.write_byte(1);
    writer.write_uint64(2);
    writer.write_byte(3);
    writer.align_struct();
    EXPECT_EQ(text_of(writer.bytes()), "\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0"s);
}

TEST(WireWriter, KeepsWhatItHasWhileItGrows) {
    WireWriter writer;
    std::string expected;
    for (int i = 0; i < 3000; ++i) {
        const auto value = static_cast<std::uint8_t>(i * 7);
        writer.write_byte(value);
        expected.push_back(static_cast<char>(value));
    }
    const std::string text(5000, 'x');
    writer.write_string(text);
    EXPECT_EQ(text_of(writer.bytes()), expected + "\x88\x13\0\0"s + text + '\0');
}

TEST(WireWriter, GivesItsBytesAwayAndStartsAnew) {
    WireWriter writer;
    writer.write_string("foo");
    const std::vector<std::byte> taken = writer.take();
    EXPECT_EQ(text_of(taken), "\3\0\0\0foo\0"s);
    EXPECT_EQ(writer.size(), 0U);
    EXPECT_TRUE(writer.bytes().empty());
    writer.write_byte(1);
    EXPECT_EQ(text_of(writer.bytes()), "\1"s);
}

}  // namespace
}  // namespace buzon::bus
