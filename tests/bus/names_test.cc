// SPDX-License-Identifier: Apache-2.0
#include "bus/names.h"

#include <cctype>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace buzon::bus {
namespace {

using Predicate = bool (*)(std::string_view);

std::string repeated(std::string_view text, std::size_t times) {
    std::string result;
    for (std::size_t i = 0; i < times; ++i)
        result += text;
    return result;
}

struct Row {
    std::string text;
    bool interface, member, well_known, unique, name_space;
};

// Columns: interface and error name, member name, well-known name, unique name, namespace.
const Row kNames[] = {
    {"org.freedesktop.DBus", true, false, true, false, true},
    {"a.b", true, false, true, false, true},
    {"_._", true, false, true, false, true},
    {"A1.b_2.C3", true, false, true, false, true},
    {"Hello", false, true, false, false, true},
    {"_", false, true, false, false, true},
    {"a9", false, true, false, false, true},
    {"", false, false, false, false, false},
    {".", false, false, false, false, false},
    {"..", false, false, false, false, false},
    {".a", false, false, false, false, false},
    {".a.b", false, false, false, false, false},
    {"a.", false, false, false, false, false},
    {"a.b.", false, false, false, false, false},
    {"a..b", false, false, false, false, false},
    {"9a", false, false, false, false, false},
    {"9a.b", false, false, false, false, false},
    {"a.9b", false, false, false, false, false},
    {"a-b.c", false, false, true, false, true},
    {"-a.b", false, false, true, false, true},
    {"a.-", false, false, true, false, true},
    {"a-", false, false, false, false, true},
    {"-", false, false, false, false, true},
    {"a b.c", false, false, false, false, false},
    {"a.b ", false, false, false, false, false},
    {"a.b/c", false, false, false, false, false},
    {"a.b\n", false, false, false, false, false},
    {"a.\xc3\xa9", false, false, false, false, false},
    {std::string("a.b\0", 4), false, false, false, false, false},
    {std::string("\0", 1), false, false, false, false, false},
    {":1.42", false, false, false, true, true},
    {":1.2.3.4", false, false, false, true, true},
    {":a.-.9", false, false, false, true, true},
    {":1", false, false, false, true, true},
    {":", false, false, false, true, true},
    {":.", false, false, false, false, false},
    {":1.", false, false, false, false, false},
    {":.1", false, false, false, true, true},
    {":.1.2", false, false, false, true, true},
    {":..1", false, false, false, false, false},
    {":1..2", false, false, false, false, false},
    {":1.2:3", false, false, false, false, false},
    {"::", false, false, false, false, false},
    {"a:b.c", false, false, false, false, false},
    {"1.42", false, false, false, false, false},
    {"a." + repeated("b", 253), true, false, true, false, true},
    {"a." + repeated("b", 254), false, false, false, false, false},
    {repeated("a.", 127) + "a", true, false, true, false, true},
    {repeated("a.", 128) + "a", false, false, false, false, false},
    {repeated("a", 255), false, true, false, false, true},
    {repeated("a", 256), false, false, false, false, false},
    {":1." + repeated("2", 252), false, false, false, true, true},
    {":1." + repeated("2", 253), false, false, false, false, false},
};

TEST(Names, EachKindFollowsItsOwnSyntax) {
    for (const Row& row : kNames) {
        EXPECT_EQ(is_interface_name(row.text), row.interface) << row.text;
        EXPECT_EQ(is_error_name(row.text), row.interface) << row.text;
        EXPECT_EQ(is_member_name(row.text), row.member) << row.text;
        EXPECT_EQ(is_well_known_name(row.text), row.well_known) << row.text;
        EXPECT_EQ(is_unique_name(row.text), row.unique) << row.text;
        EXPECT_EQ(is_bus_name(row.text), row.well_known || row.unique) << row.text;
        EXPECT_EQ(is_bus_namespace(row.text), row.name_space) << row.text;
    }
}

// Every byte, at every position of names that are shorter and longer than what is judged at once.
void expect_allowed(Predicate predicate, std::string_view before, std::string_view others) {
    for (const std::size_t length : {4U, 8U, 9U, 13U, 17U, 18U, 33U, 40U}) {
        for (int value = 0; value < 256; ++value) {
            const char c = static_cast<char>(value);
            const bool letter = value < 128 && std::isalpha(value) != 0;
            const bool digit = value < 128 && std::isdigit(value) != 0;
            const bool allowed = letter || digit || others.find(c) != std::string_view::npos;
            for (std::size_t i = 1; i + 1 < length; ++i) {
                std::string text = std::string(before) + std::string(length, 'x');
                text[before.size() + i] = c;
                EXPECT_EQ(predicate(text), allowed) << text << " with " << value << " at " << i;
            }
        }
    }
}

TEST(Names, EveryByteIsJudgedAtEveryPosition) {
    expect_allowed(is_interface_name, "a.", "_.");
    expect_allowed(is_member_name, "", "_");
    expect_allowed(is_well_known_name, "a.", "_-.");
    expect_allowed(is_unique_name, ":1.", "_-.");
    expect_allowed(is_object_path, "/", "_/");
}

TEST(Names, ADigitMayNotFollowADotAtAnyPosition) {
    for (std::size_t length = 1; length < 40; ++length) {
        for (std::size_t i = 1; i < length; ++i) {
            const std::string text = repeated("a", i) + ".9" + repeated("b", length - i);
            EXPECT_FALSE(is_interface_name(text)) << text;
            EXPECT_FALSE(is_well_known_name(text)) << text;
            EXPECT_TRUE(is_unique_name(":" + text)) << text;
        }
    }
}

TEST(Names, NoElementIsEmptyAtAnyPosition) {
    for (std::size_t length = 1; length < 40; ++length) {
        for (std::size_t i = 0; i <= length; ++i) {
            const std::string before = repeated("a", i);
            const std::string after = repeated("b", length - i);
            EXPECT_FALSE(is_interface_name(before + ".." + after)) << before << after;
            EXPECT_FALSE(is_unique_name(":1" + before + ".." + after)) << before << after;
            EXPECT_FALSE(is_object_path("/" + before + "//" + after)) << before << after;
        }
        EXPECT_FALSE(is_interface_name("a." + repeated("b", length) + ".")) << length;
        EXPECT_FALSE(is_interface_name("." + repeated("b", length) + ".a")) << length;
        EXPECT_FALSE(is_object_path("/" + repeated("b", length) + "/")) << length;
    }
}

const struct {
    std::string text;
    bool valid;
} kPaths[] = {
    {"/", true},
    {"/a", true},
    {"/9", true},
    {"/_", true},
    {"/org/freedesktop/DBus", true},
    {"/" + repeated("a", 5000), true},
    {repeated("/a", 5000), true},
    {"", false},
    {"a", false},
    {"a/b", false},
    {"//", false},
    {"/a/", false},
    {"/a//b", false},
    {"//a", false},
    {"/a-b", false},
    {"/a.b", false},
    {"/a b", false},
    {"/:", false},
    {"/\xc3\xa9", false},
    {std::string("/a\0", 3), false},
    {repeated("/a", 5000) + "/", false},
};

TEST(ObjectPath, ElementsStandBehindSingleSlashes) {
    for (const auto& [text, valid] : kPaths)
        EXPECT_EQ(is_object_path(text), valid) << text;
}

}  // namespace
}  // namespace buzon::bus
