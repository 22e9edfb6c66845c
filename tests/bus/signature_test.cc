// SPDX-License-Identifier: Apache-2.0
#include "bus/signature.h"

#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace buzon::bus {
namespace {

std::string repeated(std::string_view text, std::size_t times) {
    std::string result;
    for (std::size_t i = 0; i < times; ++i)
        result += text;
    return result;
}

std::string nested(std::string_view before, std::size_t times, std::string_view after) {
    return repeated(before, times) + "y" + repeated(after, times);
}

using enum SignatureError;

const struct {
    std::string text;
    std::optional<SignatureError> error;
} kSignatures[] = {
    {"", std::nullopt},
    {"y", std::nullopt},
    {"ybnqiuxtdsoghv", std::nullopt},
    {"ay", std::nullopt},
    {"aay", std::nullopt},
    {"(y)", std::nullopt},
    {"((y)(v))", std::nullopt},
    {"a{sv}", std::nullopt},
    {"aa{sv}", std::nullopt},
    {"a{ss}a{hi}", std::nullopt},
    {"a{sa{sv}}", std::nullopt},
    {"a{oa{sa{sv}}}", std::nullopt},
    {"a{s(iiibiiay)}", std::nullopt},
    {"(a{sv}av)", std::nullopt},
    {"susssasa{sv}i", std::nullopt},
    {repeated("y", 255), std::nullopt},
    {repeated("y", 256), TooLong},
    {"r", UnknownType},
    {"e", UnknownType},
    {"m", UnknownType},
    {"z", UnknownType},
    {" ", UnknownType},
    {"ii i", UnknownType},
    {"\xff", UnknownType},
    {std::string(1, '\0'), UnknownType},
    {std::string("y\0", 2), UnknownType},
    {"a", MissingElementType},
    {"aa", MissingElementType},
    {"sa", MissingElementType},
    {"(a)", MissingElementType},
    {"(ia)", MissingElementType},
    {"a)", MissingElementType},
    {"a}", MissingElementType},
    {"a{sa}", MissingElementType},
    {"a{a}", DictEntryKeyNotBasic},
    {"()", EmptyStruct},
    {"(())", EmptyStruct},
    {"a()", EmptyStruct},
    {"(i()i)", EmptyStruct},
    {"(", UnbalancedStruct},
    {")", UnbalancedStruct},
    {"(i", UnbalancedStruct},
    {"i)", UnbalancedStruct},
    {"((i)", UnbalancedStruct},
    {"(i))", UnbalancedStruct},
    {"a(", UnbalancedStruct},
    {"a{s)", UnbalancedStruct},
    {"a{s)}", UnbalancedStruct},
    {"a{si", UnbalancedDictEntry},
    {"a{", UnbalancedDictEntry},
    {"}", UnbalancedDictEntry},
    {"(s}", UnbalancedDictEntry},
    {"a{ss}}", UnbalancedDictEntry},
    {"{ss}", DictEntryOutsideArray},
    {"(i{ss})", DictEntryOutsideArray},
    {"a{s{ss}}", DictEntryOutsideArray},
    {"a({ss})", DictEntryOutsideArray},
    {"a{vs}", DictEntryKeyNotBasic},
    {"a{ayi}", DictEntryKeyNotBasic},
    {"a{(s)i}", DictEntryKeyNotBasic},
    {"a{(", DictEntryKeyNotBasic},
    {"a{{ss}i}", DictEntryOutsideArray},
    {"a{}", DictEntryMemberCount},
    {"a{s}", DictEntryMemberCount},
    {"a{sss}", DictEntryMemberCount},
    {"a{ssv}", DictEntryMemberCount},
    {"a{sa{ss}s}", DictEntryMemberCount},
    {repeated("a", 32) + "y", std::nullopt},
    {repeated("a", 33) + "y", ArrayTooDeep},
    {repeated("a", 32), MissingElementType},
    {repeated("a", 33), ArrayTooDeep},
    {repeated(repeated("a", 32) + "y", 7), std::nullopt},
    {nested("(", 32, ")"), std::nullopt},
    {nested("(", 33, ")"), StructTooDeep},
    {nested("(", 32, ")") + nested("(", 32, ")"), std::nullopt},
    {nested("a{s", 32, "}"), std::nullopt},
    {nested("a{s", 33, "}"), ArrayTooDeep},
    {nested("a(", 32, ")"), std::nullopt},
    {nested("a(", 33, ")"), ArrayTooDeep},
    {nested("aa(", 16, ")"), std::nullopt},
    {nested("aa(", 17, ")"), ArrayTooDeep},
    {"(" + nested("a(", 31, ")") + "ay)", std::nullopt},
    {"a(" + nested("a(", 31, ")") + "aay)", std::nullopt},
    {nested("((a{s", 16, "}))"), std::nullopt},
    {repeated("a", 32) + nested("(", 32, ")"), std::nullopt},
    {nested("(", 32, "ay)"), std::nullopt},
};

TEST(CheckSignature, NamesTheFirstViolation) {
    for (const auto& [text, error] : kSignatures) {
        const auto checked = check_signature(text);
        EXPECT_EQ(checked ? std::nullopt : std::optional{checked.error()}, error) << text;
    }
}

TEST(CheckSignature, EveryByteByItselfIsATypeOrUnknown) {
    for (int value = 0; value < 256; ++value) {
        const char code = static_cast<char>(value);
        const bool single = is_basic_type(code) || code == 'v';
        EXPECT_EQ(bool{check_signature(std::string(1, code))}, single) << value;
        EXPECT_EQ(bool{check_single_type(std::string(1, code))}, single) << value;
    }
}

TEST(CheckSingleType, WantsExactlyOne) {
    for (const std::string_view text : {"y", "v", "as", "aas", "(ii)", "a{sv}", "a(i(ss))"}) {
        EXPECT_TRUE(check_single_type(text)) << text;
    }
    for (const std::string_view text : {"", "yy", "vs", "asi", "(ii)(ii)", "a{sv}a{sv}"}) {
        const auto checked = check_single_type(text);
        ASSERT_FALSE(checked) << text;
        EXPECT_EQ(checked.error(), NotOneType) << text;
    }
    EXPECT_EQ(check_single_type("(i").error(), UnbalancedStruct);
}

TEST(FirstTypeLength, StopsBehindTheFirstCompleteType) {
    const struct {
        std::string_view text;
        std::size_t length;
    } kCases[] = {
        {"y", 1},         {"ss", 1},     {"v(", 1},        {"asi", 2},
        {"aai", 3},       {"(i)s", 3},   {"((i)(s))", 8},  {"a{sv}i", 5},
        {"a(ii)(ii)", 5}, {"aa{sv}", 6}, {"(a{s(i)})", 9}, {"a{sa{sv}}as", 9},
    };
    for (const auto& [text, length] : kCases) {
        EXPECT_EQ(first_type_length(text), length) << text;
    }
}

TEST(TypeFacts, AreThoseOfTheSpecification) {
    const struct {
        char code;
        std::size_t alignment, fixed_size;
        bool basic;
    } kTypes[] = {
        {'y', 1, 1, true},   {'b', 4, 4, true},  {'n', 2, 2, true},  {'q', 2, 2, true},
        {'i', 4, 4, true},   {'u', 4, 4, true},  {'x', 8, 8, true},  {'t', 8, 8, true},
        {'d', 8, 8, true},   {'h', 4, 4, true},  {'s', 4, 0, true},  {'o', 4, 0, true},
        {'g', 1, 0, true},   {'v', 1, 0, false}, {'a', 4, 0, false}, {'(', 8, 0, false},
        {'{', 8, 0, false},  {')', 0, 0, false}, {'}', 0, 0, false}, {'z', 0, 0, false},
        {'\0', 0, 0, false},
    };
    for (const auto& type : kTypes) {
        EXPECT_EQ(alignment_of(type.code), type.alignment) << type.code;
        EXPECT_EQ(fixed_size_of(type.code), type.fixed_size) << type.code;
        EXPECT_EQ(is_basic_type(type.code), type.basic) << type.code;
    }
}

TEST(SignatureErrors, AllHaveATextOfTheirOwn) {
    for (int value = 0; value <= static_cast<int>(NotOneType); ++value) {
        EXPECT_NE(describe(static_cast<SignatureError>(value)), "unknown error") << value;
    }
}

}  // namespace
}  // namespace buzon::bus
