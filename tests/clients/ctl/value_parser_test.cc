// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/value_parser.h"

#include <limits>

#include <gtest/gtest.h>

namespace buzon::clients {
namespace {

using Arguments = std::vector<std::string>;

Value text(std::string text) {
    return {std::move(text)};
}
Value variant_of(Value value) {
    return {Variant{{std::move(value)}}};
}
Value entry(Value key, Value value) {
    return {DictEntry{{std::move(key), std::move(value)}}};
}

const struct {
    std::string_view about;
    std::string_view signature;
    Arguments arguments;
    std::vector<Value> values;
} kGood[] = {
    {"nothing", "", {}, {}},
    {"byte", "y", {"255"}, {{std::uint8_t{255}}}},
    {"smallest int16", "n", {"-32768"}, {{std::int16_t{-32768}}}},
    {"largest uint16", "q", {"65535"}, {{std::uint16_t{65535}}}},
    {"smallest int32", "i", {"-2147483648"}, {{std::numeric_limits<std::int32_t>::min()}}},
    {"largest uint32", "u", {"4294967295"}, {{std::uint32_t{4294967295}}}},
    {"smallest int64", "x", {"-9223372036854775808"}, {{std::numeric_limits<std::int64_t>::min()}}},
    {"largest uint64",
     "t",
     {"18446744073709551615"},
     {{std::numeric_limits<std::uint64_t>::max()}}},
    {"hexadecimal", "u", {"0x1F"}, {{std::uint32_t{31}}}},
    {"octal, as in C", "u", {"017"}, {{std::uint32_t{15}}}},
    {"octal, spelt out", "u", {"0o17"}, {{std::uint32_t{15}}}},
    {"binary", "y", {"0b101"}, {{std::uint8_t{5}}}},
    {"plus sign", "u", {"+1"}, {{std::uint32_t{1}}}},
    {"minus nothing, unsigned", "u", {"-0"}, {{std::uint32_t{0}}}},
    {"negative hexadecimal", "i", {"-0x10"}, {{std::int32_t{-16}}}},
    {"double", "d", {"-1.5e3"}, {{-1500.0}}},
    {"infinity", "d", {"inf"}, {{std::numeric_limits<double>::infinity()}}},
    {"truths", "bbb", {"YES", "t", "1"}, {{true}, {true}, {true}}},
    {"untruths", "bbb", {"no", "Off", "0"}, {{false}, {false}, {false}}},
    {"texts", "ss", {"", "[é]"}, {text(""), text("[é]")}},
    {"path and signature", "og", {"/a/b", "a{sv}"}, {{ObjectPath{"/a/b"}}, {Signature{"a{sv}"}}}},
    {"descriptor", "h", {"2"}, {{UnixFd{2}}}},
    {"array", "as", {"2", "a", "b"}, {{Array{"s", {text("a"), text("b")}}}}},
    {"empty array", "a{sv}", {"0"}, {{Array{"{sv}", {}}}}},
    {"bytes", "ay", {"2", "1", "0xff"}, {{Bytes{{1, 255}}}}},
    {"array of arrays",
     "aas",
     {"2", "1", "a", "0"},
     {{Array{"as", {{Array{"s", {text("a")}}}, {Array{"s", {}}}}}}}},
    {"struct", "(si)", {"a", "1"}, {{Struct{{text("a"), {std::int32_t{1}}}}}}},
    {"variant in a variant", "v", {"v", "s", "x"}, {variant_of(variant_of(text("x")))}},
    {"dictionary of variants",
     "a{sv}",
     {"2", "One", "s", "Eins", "Two", "u", "2"},
     {{Array{"{sv}",
             {entry(text("One"), variant_of(text("Eins"))),
              entry(text("Two"), variant_of({std::uint32_t{2}}))}}}}},
    {"several values",
     "sasv",
     {"a", "1", "b", "y", "1"},
     {text("a"), {Array{"s", {text("b")}}}, variant_of({std::uint8_t{1}})}},
};

TEST(ParseValues, TakesTheArgumentsThatTheSignatureAsksFor) {
    for (const auto& [about, signature, arguments, values] : kGood) {
        EXPECT_EQ(parse_values(signature, arguments), values) << about;
        EXPECT_EQ(signature_of(parse_values(signature, arguments)), signature) << about;
    }
}

const struct {
    std::string_view about;
    std::string_view signature;
    Arguments arguments;
    std::string_view message;
} kBad[] = {
    {"too few",
     "ss",
     {"a"},
     "Too few arguments for the signature: argument 2 should be a text in UTF-8."},
    {"too many", "s", {"a", "b"}, "Too many arguments for the signature: it takes 1, not 2."},
    {"too many for nothing", "", {"a"}, "Too many arguments for the signature: it takes 0, not 1."},
    {"no signature", "(", {}, "'(' is not a signature: "},
    {"a letter for a number", "u", {"x"}, "Argument 1, 'x', is not an unsigned 32-bit integer."},
    {"an empty number", "u", {""}, "Argument 1, '', is not an unsigned 32-bit integer."},
    {"a sign only", "i", {"-"}, "Argument 1, '-', is not a signed 32-bit integer."},
    {"two signs", "i", {"--1"}, "Argument 1, '--1', is not a signed 32-bit integer."},
    {"a base only", "u", {"0x"}, "Argument 1, '0x', is not an unsigned 32-bit integer."},
    {"no octal digit", "u", {"08"}, "Argument 1, '08', is not an unsigned 32-bit integer."},
    {"garbage behind", "u", {"1 "}, "Argument 1, '1 ', is not an unsigned 32-bit integer."},
    {"byte too large", "sy", {"a", "256"}, "Argument 2, '256', is not a byte (0 to 255): out of"},
    {"negative unsigned", "t", {"-1"}, "Argument 1, '-1', is not an unsigned 64-bit integer: out"},
    {"int16 too small", "n", {"-32769"}, "Argument 1, '-32769', is not a signed 16-bit integer: "},
    {"int64 too large", "x", {"9223372036854775808"}, "Argument 1, '9223372036854775808', is not "},
    {"beyond 64 bits", "t", {"18446744073709551616"}, "Argument 1, '18446744073709551616', is not"},
    {"boolean", "b", {"maybe"}, "Argument 1, 'maybe', is not a boolean ("},
    {"double with a comma", "d", {"1,5"}, "Argument 1, '1,5', is not a floating-point number."},
    {"double too large", "d", {"1e999"}, "Argument 1, '1e999', is not a floating-point number: ou"},
    {"text that is not UTF-8", "s", {"\xFF"}, "Argument 1, '\xFF', is not a text in UTF-8."},
    {"relative path", "o", {"a/b"}, "Argument 1, 'a/b', is not an object path"},
    {"bad signature", "g", {"a"}, "Argument 1, 'a', is not a signature: "},
    {"variant of two types", "v", {"ss", "a", "b"}, "Argument 1, 'ss', is not the type of a vari"},
    {"variant of no type", "v", {""}, "Argument 1, '', is not the type of a variant"},
    {"count of -1", "as", {"-1"}, "Argument 1, '-1', is not the number of array elements: out of"},
    {"count too large", "ay", {"4000000000", "1"}, "Too few arguments for the signature: argument"},
};

TEST(ParseValues, NamesTheArgumentAndWhatIsWrongWithIt) {
    for (const auto& [about, signature, arguments, message] : kBad) {
        try {
            (void)parse_values(signature, arguments);
            ADD_FAILURE() << about << ": accepted";
        } catch (const UsageError& error) {
            EXPECT_TRUE(std::string_view(error.what()).starts_with(message))
                << about << ": " << error.what();
        }
    }
}

TEST(ParseValues, RefusesVariantsNestedTooDeep) {
    Arguments arguments(1000, "v");
    EXPECT_THROW((void)parse_values("v", arguments), UsageError);
}

TEST(ParseBoolean, RefusesWhatIsNeitherYesNorNo) {
    EXPECT_TRUE(parse_boolean("on"));
    EXPECT_FALSE(parse_boolean("OFF"));
    EXPECT_THROW((void)parse_boolean(""), UsageError);
}

}  // namespace
}  // namespace buzon::clients
