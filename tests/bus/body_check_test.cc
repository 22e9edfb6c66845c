// SPDX-License-Identifier: Apache-2.0
#include "bus/body_check.h"

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "bus/signature.h"
#include "bus/wire_reader.h"
#include "bus/wire_writer.h"

namespace buzon::bus {
namespace {

using namespace std::string_literals;
using enum BodyError;
using Build = std::function<void(WireWriter&)>;
constexpr std::optional<BodyError> kValid = std::nullopt;

struct Case {
    std::string about;
    std::string signature;
    std::optional<BodyError> error;
    Build body;
};

void raw(WireWriter& w, std::string_view bytes) {
    for (const char c : bytes)
        w.write_byte(static_cast<std::uint8_t>(c));
}

/// A body of 32-bit words.
template <typename... Words>
Build words(Words... values) {
    return [=](WireWriter& w) { (w.write_uint32(static_cast<std::uint32_t>(values)), ...); };
}

Build bytes(std::string text) {
    return [text](WireWriter& w) { raw(w, text); };
}

Build then(const Build& first, const Build& second) {
    return [first, second](WireWriter& w) {
        first(w);
        second(w);
    };
}

Build text(std::string value) {
    return [value](WireWriter& w) { w.write_string(value); };
}

/// Of one type each, and all but the innermost of type `v`.
Build variants(unsigned depth, std::string inner_type, const Build& inner) {
    return [=](WireWriter& w) {
        for (unsigned i = 1; i < depth; ++i)
            w.write_signature("v");
        w.write_signature(inner_type);
        inner(w);
    };
}

std::string repeated(std::string_view unit, std::size_t times) {
    std::string result;
    for (std::size_t i = 0; i < times; ++i)
        result += unit;
    return result;
}

std::optional<BodyError> check_in_pieces(std::string_view signature,
                                         std::span<const std::byte> body,
                                         ByteOrder order,
                                         std::size_t piece) {
    BodyCheck check(signature, body, order);
    BodyProgress progress = check.advance(piece);
    for (std::size_t turns = 0; progress == BodyProgress::Unfinished; ++turns) {
        if (turns > body.size()) throw std::logic_error("goes on for more pieces than bytes");
        progress = check.advance(piece);
    }
    EXPECT_EQ(check.advance(piece), progress) << "the last answer stays";
    return progress == BodyProgress::Valid ? std::nullopt : std::optional{check.error()};
}

void expect_outcomes(std::span<const Case> cases) {
    for (const auto& [about, signature, error, build] : cases) {
        ASSERT_TRUE(check_signature(signature)) << about;
        for (const ByteOrder order : {ByteOrder::Little, ByteOrder::Big}) {
            WireWriter writer(order);
            build(writer);
            // A copy of exactly this size, so that a sanitizer sees each byte read beyond it.
            const std::vector<std::byte> body(writer.bytes().begin(), writer.bytes().end());
            const auto checked = check_body(signature, body, order);
            EXPECT_EQ(checked ? std::nullopt : std::optional{checked.error()}, error)
                << about << ", " << static_cast<char>(order);
            EXPECT_EQ(check_in_pieces(signature, body, order, 1), error)
                << about << ", " << static_cast<char>(order) << " in pieces";
        }
    }
}

TEST(CheckBody, WantsTheBytesOfTheSignatureAndNoMore) {
    const Case cases[] = {
        {"nothing", "", kValid, bytes("")},
        {"bytes without a signature", "", TrailingBytes, bytes("\0"s)},
        {"signature without bytes", "y", Truncated, bytes("")},
        {"byte", "y", kValid, bytes("\xff")},
        {"byte too many", "y", TrailingBytes, bytes("ab")},
        {"all fixed types", "ynqiuhxtd", kValid,
         [](WireWriter& w) {
             w.write_byte(1);
             w.write_int16(-1);
             w.write_uint16(1);
             w.write_int32(-1);
             w.write_uint32(1);
             w.write_uint32(7);
             w.write_int64(-1);
             w.write_uint64(1);
             w.write_double(1.5);
         }},
        {"int16 cut short", "n", Truncated, bytes("\1")},
        {"int32 cut short", "i", Truncated, bytes("\1\1\1")},
        {"int64 cut short", "x", Truncated, bytes("\1\1\1\1\1\1\1")},
        {"padding cut short", "yt", Truncated, bytes("\1\0\0\0\0\0\0"s)},
        {"padding of int16", "yq", PaddingNotZero, bytes("\1\1\0\0"s)},
        {"first byte of padding", "yu", PaddingNotZero, bytes("\1\1\0\0\0\0\0\0"s)},
        {"last byte of padding", "yu", PaddingNotZero, bytes("\1\0\0\1\0\0\0\0"s)},
        {"padding of int64", "ut", PaddingNotZero, words(1, 0x100, 0, 0)},
        {"padding of a struct", "y(y)", PaddingNotZero, bytes("\1\0\0\0\0\1\0\0\1"s)},
        {"struct", "(y(u)s)", kValid,
         [](WireWriter& w) {
             w.write_byte(1);
             w.align_struct();
             w.write_uint32(2);
             w.write_string("three");
         }},
        {"struct without its last member", "(yy)", Truncated, bytes("\1")},
        {"index of a descriptor that nobody counted", "h", kValid, words(0xffffffff)},
    };
    expect_outcomes(cases);
}

TEST(CheckBody, ChecksBooleans) {
    const Case cases[] = {
        {"false", "b", kValid, words(0)},
        {"true", "b", kValid, words(1)},
        {"two", "b", BooleanOutOfRange, words(2)},
        {"true in the other byte order", "b", BooleanOutOfRange, words(0x01000000)},
        {"no value", "b", Truncated, bytes("")},
        {"array", "ab", kValid, words(8, 0, 1)},
        {"first of an array", "ab", BooleanOutOfRange, words(12, 2, 0, 1)},
        {"last of an array", "ab", BooleanOutOfRange, words(12, 0, 1, 3)},
        {"in a variant", "v", BooleanOutOfRange, bytes("\1b\0\0\2\2\2\2"s)},
    };
    expect_outcomes(cases);
}

TEST(CheckBody, ChecksTexts) {
    const Case cases[] = {
        {"string", "s", kValid, text("Hello")},
        {"empty string", "s", kValid, text("")},
        {"string of more than ASCII", "s", kValid, text("Füße 日本語 🙂")},
        {"noncharacter", "s", kValid, text("\xef\xbf\xbe")},
        {"surrogate", "s", StringNotUtf8, text("\xed\xa0\x80")},
        {"overlong", "s", StringNotUtf8, text("\xc0\x80")},
        {"Latin-1 in a long string", "s", StringNotUtf8, text(repeated("a", 100) + "\xdf")},
        {"sequence that ends behind the string", "s", StringNotUtf8, text("aaaaaaaa\xc3")},
        {"NUL inside", "s", StringHasNul, text("a\0b"s)},
        {"without its NUL", "s", StringNotTerminated, then(words(1), bytes("aa"))},
        {"cut before its NUL", "s", Truncated, then(words(1), bytes("a"))},
        {"cut", "s", Truncated, then(words(9), bytes("a\0"s))},
        {"longer than can be", "s", Truncated, then(words(0xffffffff), bytes("a\0"s))},
        {"length cut", "s", Truncated, bytes("\0\0"s)},
        {"object path", "o", kValid, text("/org/example/Mail")},
        {"root", "o", kValid, text("/")},
        {"empty path", "o", ObjectPathInvalid, text("")},
        {"path with a trailing slash", "o", ObjectPathInvalid, text("/a/")},
        {"path with NUL", "o", ObjectPathInvalid, text("/a\0"s)},
        {"path without its NUL", "o", StringNotTerminated, then(words(1), bytes("/a"))},
        {"signature", "g", kValid, bytes("\5a{sv}\0"s)},
        {"empty signature", "g", kValid, bytes("\0\0"s)},
        {"signature of several types", "g", kValid, bytes("\3aii\0"s)},
        {"signature that is none", "g", SignatureInvalid, bytes("\2a(\0"s)},
        {"signature without its NUL", "g", StringNotTerminated, bytes("\1yy"s)},
        {"signature cut", "g", Truncated, bytes("\2y\0"s)},
        {"signature without length", "g", Truncated, bytes("")},
    };
    expect_outcomes(cases);
}

TEST(CheckBody, ChecksArrays) {
    const Build empty_string = text("");
    const Case cases[] = {
        {"bytes", "ay", kValid, then(words(3), bytes("abc"))},
        {"empty", "as", kValid, words(0)},
        {"empty and something behind it", "asy", kValid, then(words(0), bytes("\1"))},
        {"empty, padded to its elements", "ax", kValid, words(0, 0)},
        {"empty, not padded to its elements", "ax", Truncated, words(0)},
        {"empty, padded with something else", "ax", PaddingNotZero, words(0, 1)},
        {"empty array of structs, not padded", "a(y)", Truncated, words(0)},
        {"numbers", "ax", kValid, words(16, 0, 1, 2, 3, 4)},
        {"a number and a half", "ai", ArrayLengthNotMultiple, words(6, 1, 2)},
        {"half a boolean", "ab", ArrayLengthNotMultiple, then(words(2), bytes("\0\0"s))},
        {"longer than the body", "ay", Truncated, then(words(5), bytes("abcd"))},
        {"longer than can be", "ay", ArrayTooLong, then(words(0xffffffff), bytes("abcd"))},
        {"strings", "as", kValid, then(words(13), then(empty_string, empty_string))},
        {"bad string among them", "as", StringNotUtf8, then(words(6), text("\xff"))},
        {"ends inside a string", "as", ArrayOverrun, then(words(3), empty_string)},
        {"ends inside padding", "as", ArrayOverrun,
         then(words(6), then(empty_string, empty_string))},
        {"ends behind padding", "as", Truncated,
         then(words(8), then(empty_string, bytes("\0\0\0"s)))},
        {"ends inside a path", "ao", ArrayOverrun, then(words(5), text("/"))},
        {"ends inside a struct", "a(yy)", ArrayOverrun, then(words(1, 0), bytes("ab"))},
        {"structs", "a(ys)", kValid,
         [](WireWriter& w) {
             const auto array = w.begin_array('(');
             for (const std::string_view name : {"a", "bc", "def", ""}) {
                 w.align_struct();
                 w.write_byte(1);
                 w.write_string(name);
             }
             w.end_array(array);
         }},
        {"padding between structs", "a(y)", PaddingNotZero,
         then(words(9, 0), bytes("a\0\0\0\0\0\0\1b"s))},
        {"arrays", "aay", kValid, then(words(12, 1), then(bytes("a\0\0\0"s), words(0)))},
        {"inner array runs out of the outer one", "aayu", ArrayOverrun, words(4, 4, 7)},
        {"same array type met again and again", "a(a(yy)as)", kValid,
         [](WireWriter& w) {
             const auto outer = w.begin_array('(');
             for (int i = 0; i < 4; ++i) {
                 w.align_struct();
                 const auto inner = w.begin_array('(');
                 for (int j = 0; j < i; ++j) {
                     w.align_struct();
                     w.write_uint16(0x6162);
                 }
                 w.end_array(inner);
                 const auto strings = w.begin_array('s');
                 w.write_string("x");
                 w.end_array(strings);
             }
             w.end_array(outer);
         }},
        {"dicts in dicts", "a{sa{sv}}as", kValid,
         [](WireWriter& w) {
             const auto outer = w.begin_array('{');
             for (const std::string_view interface : {"a.b", "c.d"}) {
                 w.align_struct();
                 w.write_string(interface);
                 const auto inner = w.begin_array('{');
                 w.align_struct();
                 w.write_string("Name");
                 w.write_signature("as");
                 w.end_array(w.begin_array('s'));
                 w.end_array(inner);
             }
             w.end_array(outer);
             w.end_array(w.begin_array('s'));
         }},
        {"dict with the same key twice", "a{yy}", kValid,
         then(words(10, 0), bytes("ab\0\0\0\0\0\0ac"s))},
    };
    expect_outcomes(cases);
}

TEST(CheckBody, ChecksVariants) {
    const Case cases[] = {
        {"byte", "v", kValid, bytes("\1y\0\7"s)},
        {"int64", "v", kValid, bytes("\1x\0\0\0\0\0\0\1\2\3\4\5\6\7\x08"s)},
        {"string", "v", kValid, variants(1, "s", text("a"))},
        {"array", "v", kValid, variants(1, "as", then(words(6), text("a")))},
        {"struct and what follows it", "vy", kValid,
         then(variants(1, "(yy)", bytes("\0\0ab"s)), bytes("c"))},
        {"dict in an array", "av", kValid,
         [](WireWriter& w) {
             const auto array = w.begin_array('v');
             for (int i = 0; i < 3; ++i) {
                 w.write_signature("a{sv}");
                 const auto dict = w.begin_array('{');
                 w.align_struct();
                 w.write_string("k");
                 w.write_signature("(as(y))");
                 w.align_struct();
                 w.end_array(w.begin_array('s'));
                 w.align_struct();
                 w.write_byte(1);
                 w.end_array(dict);
             }
             w.end_array(array);
         }},
        {"no type", "v", VariantNotOneType, bytes("\0\0"s)},
        {"two types", "v", VariantNotOneType, bytes("\2yy\0ab"s)},
        {"unknown type", "v", SignatureInvalid, bytes("\1z\0a"s)},
        {"closing parenthesis", "v", SignatureInvalid, bytes("\1)\0a"s)},
        {"array without elements", "v", SignatureInvalid, bytes("\1a\0\0\0\0\0\0"s)},
        {"type without its NUL", "v", StringNotTerminated, bytes("\1y\1a"s)},
        {"type cut", "v", Truncated, bytes("\1"s)},
        {"value cut", "v", Truncated, bytes("\1y\0"s)},
        {"padding before the value", "v", PaddingNotZero, bytes("\1u\0\1\0\0\0\0"s)},
        {"32 arrays", "v", kValid, variants(1, repeated("a", 32) + "y", words(0))},
        {"33 arrays", "v", SignatureInvalid, variants(1, repeated("a", 33) + "y", words(0))},
    };
    expect_outcomes(cases);
}

// Compat: dbus-daemon 1.14 answers the same to each of these.
TEST(CheckBody, LetsContainersNest64Deep) {
    const Build array_of_one_string = [](WireWriter& w) {
        const auto array = w.begin_array('s');
        w.write_string("");
        w.end_array(array);
    };
    const Build struct_of_byte = [](WireWriter& w) {
        w.align_struct();
        w.write_byte(1);
    };
    const Build array_of_one_number = words(4, 1);
    const Build no_elements = words(0);
    const Case cases[] = {
        {"64 variants", "v", kValid, variants(64, "y", bytes("\1"))},
        {"65 variants", "v", TooDeep, variants(65, "y", bytes("\1"))},
        {"1000 variants", "v", TooDeep, variants(1000, "y", bytes("\1"))},
        {"63 variants of a struct", "v", kValid, variants(63, "(y)", struct_of_byte)},
        {"64 variants of a struct", "v", TooDeep, variants(64, "(y)", struct_of_byte)},
        {"63 variants of strings", "v", kValid, variants(63, "as", array_of_one_string)},
        {"64 variants of strings", "v", TooDeep, variants(64, "as", array_of_one_string)},
        {"64 variants of numbers", "v", kValid, variants(64, "au", array_of_one_number)},
        {"65 variants of numbers", "v", TooDeep, variants(65, "au", array_of_one_number)},
        {"64 variants of no strings", "v", kValid, variants(64, "as", no_elements)},
        {"65 variants of no strings", "v", TooDeep, variants(65, "as", no_elements)},
        {"32 structs of 32 variants", repeated("(", 32) + "v" + repeated(")", 32), kValid,
         variants(32, "y", bytes("\1"))},
        {"32 structs of 33 variants", repeated("(", 32) + "v" + repeated(")", 32), TooDeep,
         variants(33, "y", bytes("\1"))},
    };
    expect_outcomes(cases);
}

/// `levels` arrays, each the only element of the one around it, and in the last one what `inner`
/// writes, at an offset that is a multiple of 8.
void write_nested_arrays(WireWriter& w, unsigned levels, const Build& inner) {
    std::vector<WireWriter::ArrayMark> marks;
    for (unsigned i = 1; i < levels; ++i)
        marks.push_back(w.begin_array('a'));
    marks.push_back(w.begin_array('('));
    inner(w);
    for (; !marks.empty(); marks.pop_back())
        w.end_array(marks.back());
}

TEST(CheckBody, CountsArraysAndStructsTogether) {
    const std::string structs_31 = repeated("a", 32) + repeated("(", 31);
    const auto arrays_around = [](const Build& inner) -> Build {
        return [inner](WireWriter& w) { write_nested_arrays(w, 32, inner); };
    };
    const Case cases[] = {
        {"32 arrays and 32 structs",
         repeated("a", 32) + repeated("(", 32) + "y" + repeated(")", 32), kValid,
         arrays_around(bytes("\1"))},
        {"32 arrays, 31 structs, a variant", structs_31 + "v" + repeated(")", 31), kValid,
         arrays_around(variants(1, "y", bytes("\1")))},
        {"32 arrays, 31 structs, two variants", structs_31 + "v" + repeated(")", 31), TooDeep,
         arrays_around(variants(2, "y", bytes("\1")))},
        {"32 arrays, 32 structs, numbers",
         repeated("a", 31) + repeated("(", 32) + "ay" + repeated(")", 32), kValid,
         [](WireWriter& w) { write_nested_arrays(w, 31, then(words(1), bytes("\1"))); }},
    };
    expect_outcomes(cases);
}

TEST(CheckBody, AcceptsAnArrayOf64MebibytesAndNoMore) {
    std::vector<std::byte> body(4 + kMaxArrayBytes);
    store_unsigned(body.data(), static_cast<std::uint32_t>(kMaxArrayBytes), ByteOrder::Little);
    EXPECT_TRUE(check_body("au", body, ByteOrder::Little));
    EXPECT_TRUE(check_body("ay", body, ByteOrder::Little));
    body.resize(body.size() + 4);
    store_unsigned(body.data(), static_cast<std::uint32_t>(kMaxArrayBytes + 4), ByteOrder::Little);
    const auto checked = check_body("au", body, ByteOrder::Little);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error(), ArrayTooLong);
}

TEST(CheckBody, NoticesEveryByteThatIsCutOff) {
    // The body of a notification.
    for (const ByteOrder order : {ByteOrder::Little, ByteOrder::Big}) {
        WireWriter w(order);
        w.write_string("Mail");
        w.write_uint32(0);
        for (const std::string_view part : {"mail-unread", "2 new messages", "From Ana, José"}) {
            w.write_string(part);
        }
        const auto actions = w.begin_array('s');
        w.write_string("default");
        w.write_string("Open");
        w.end_array(actions);
        const auto hints = w.begin_array('{');
        w.align_struct();
        w.write_string("urgency");
        w.write_signature("y");
        w.write_byte(1);
        w.align_struct();
        w.write_string("x");
        w.write_signature("(ii)");
        w.align_struct();
        w.write_int32(1);
        w.write_int32(-1);
        w.end_array(hints);
        w.write_int32(-1);
        const std::vector<std::byte> body = w.take();
        constexpr std::string_view kSignature = "susssasa{sv}i";
        ASSERT_TRUE(check_body(kSignature, body, order));
        for (std::size_t size = 0; size < body.size(); ++size) {
            EXPECT_FALSE(check_body(kSignature, std::span(body).first(size), order)) << size;
        }
        auto longer = body;
        longer.push_back(std::byte{0});
        EXPECT_EQ(check_body(kSignature, longer, order).error(), TrailingBytes);
    }
}

TEST(BodyCheck, StopsInsideALongString) {
    const std::size_t length = 1'000'000;
    for (const std::string_view unit : {"a", "ü", "日", "🙂"}) {
        std::string long_text = repeated(unit, length / unit.size());
        WireWriter writer;
        writer.write_string(long_text);
        BodyCheck check("s", writer.bytes(), ByteOrder::Little);
        int turns = 1;
        while (check.advance(100'000) == BodyProgress::Unfinished)
            ++turns;
        EXPECT_EQ(check.advance(0), BodyProgress::Valid) << unit;
        EXPECT_GE(turns, 5) << unit;

        long_text[long_text.size() - 2] = '\xff';
        writer.clear();
        writer.write_string(long_text);
        EXPECT_EQ(check_in_pieces("s", writer.bytes(), ByteOrder::Little, 1), StringNotUtf8);
        long_text[long_text.size() - 2] = '\0';
        writer.clear();
        writer.write_string(long_text);
        EXPECT_EQ(check_in_pieces("s", writer.bytes(), ByteOrder::Little, 1000), StringHasNul);
    }
}

TEST(BodyCheck, StopsBetweenElements) {
    WireWriter writer(ByteOrder::Big);
    const auto array = writer.begin_array('{');
    for (int i = 0; i < 1000; ++i) {
        writer.align_struct();
        writer.write_string("key");
        writer.write_signature("as");
        const auto strings = writer.begin_array('s');
        writer.write_string("value");
        writer.end_array(strings);
    }
    writer.end_array(array);
    BodyCheck check("a{sv}", writer.bytes(), ByteOrder::Big);
    std::size_t turns = 1;
    while (check.advance(320) == BodyProgress::Unfinished)
        ++turns;
    EXPECT_EQ(check.advance(320), BodyProgress::Valid);
    EXPECT_GE(turns, writer.size() / 400);
    EXPECT_LE(turns, writer.size() / 320 + 1);
}

TEST(BodyErrors, AllHaveATextOfTheirOwn) {
    for (int value = 0; value <= static_cast<int>(TooDeep); ++value) {
        EXPECT_NE(describe(static_cast<BodyError>(value)), "unknown error") << value;
    }
}

}  // namespace
}  // namespace buzon::bus
