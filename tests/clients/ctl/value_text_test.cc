// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/value_text.h"

#include <limits>

#include <gtest/gtest.h>

#include "clients/ctl/value_parser.h"

namespace buzon::clients {
namespace {

std::vector<Value> values(std::string_view signature, const std::vector<std::string>& arguments) {
    return parse_values(signature, arguments);
}

TEST(ToTerse, IsEmptyForABodyWithoutValues) {
    EXPECT_EQ(to_terse_with_types({}), "");
}

TEST(ToTerse, WritesTypesCountsAndValues) {
    EXPECT_EQ(to_terse_with_types(values("as", {"2", "a", "b"})), R"(as 2 "a" "b")");
    EXPECT_EQ(to_terse_with_types(values("a{sv}", {"1", "k", "v", "i", "-3"})),
              R"(a{sv} 1 "k" v i -3)");
    EXPECT_EQ(to_terse_with_types(
                  values("ybnqiuxtd", {"255", "yes", "-3", "4", "-5", "7", "-9", "10", "1.5"})),
              "ybnqiuxtd 255 true -3 4 -5 7 -9 10 1.5");
    EXPECT_EQ(
        to_terse_with_types(values("ogh(si)ay", {"/a", "a{sv}", "3", "p", "1", "2", "1", "0"})),
        R"(ogh(si)ay "/a" "a{sv}" 3 "p" 1 2 1 0)");
    EXPECT_EQ(to_terse_with_types(values("asa{sv}ay", {"0", "0", "0"})), "asa{sv}ay 0 0 0");
}

TEST(ToTerse, LeavesTheTypeOfOneValueAway) {
    EXPECT_EQ(to_terse(values("as", {"1", "a"})[0]), R"(1 "a")");
    EXPECT_EQ(to_terse(values("v", {"u", "1"})[0]), "u 1");
    EXPECT_EQ(to_terse(values("s", {""})[0]), R"("")");
}

TEST(ToTerse, EscapesWhatIsNotPrintableAscii) {
    EXPECT_EQ(quote_for_shell_scripts("s \"q\" 'a' \\ \n\t\r\a\b\f\v \xC3\xA9 \x01 \x7F"),
              R"("s \"q\" \'a\' \\ \n\t\r\a\b\f\v \303\251 \001 \177")");
}

TEST(ToVerbose, WritesOneValueALine) {
    EXPECT_EQ(
        to_verbose_body(values("sa{sv}(yb)ay", {"x", "1", "k", "d", "1.5", "1", "no", "1", "7"})),
        "MESSAGE \"sa{sv}(yb)ay\" {\n"
        "        STRING \"x\";\n"
        "        ARRAY \"{sv}\" {\n"
        "                DICT_ENTRY \"sv\" {\n"
        "                        STRING \"k\";\n"
        "                        VARIANT \"d\" {\n"
        "                                DOUBLE 1.5;\n"
        "                        };\n"
        "                };\n"
        "        };\n"
        "        STRUCT \"yb\" {\n"
        "                BYTE 1;\n"
        "                BOOLEAN false;\n"
        "        };\n"
        "        ARRAY \"y\" {\n"
        "                BYTE 7;\n"
        "        };\n"
        "};\n");
}

TEST(ToVerbose, NamesEverySimpleType) {
    EXPECT_EQ(
        to_verbose_body(values("nqiuxtogh", {"1", "2", "3", "4", "5", "6", "/", "s", "0"}), 2),
        "  MESSAGE \"nqiuxtogh\" {\n"
        "          INT16 1;\n"
        "          UINT16 2;\n"
        "          INT32 3;\n"
        "          UINT32 4;\n"
        "          INT64 5;\n"
        "          UINT64 6;\n"
        "          OBJECT_PATH \"/\";\n"
        "          SIGNATURE \"s\";\n"
        "          UNIX_FD 0;\n"
        "  };\n");
}

TEST(ToVerbose, KeepsTextReadableAndTheTerminalSafe) {
    EXPECT_EQ(to_verbose(values("s", {"\xC3\xA9 \"q\" it's \\ \n \x1B[31m \xC2\x9B x"})[0]),
              "STRING \"\xC3\xA9 \\\"q\\\" it's \\\\ \\n \\033[31m \\302\\233 x\";\n");
}

TEST(EscapeControls, LeavesEverythingElseAlone) {
    EXPECT_EQ(escape_controls("a \"b\" 'c' \xC3\xA9"), "a \"b\" 'c' \xC3\xA9");
    EXPECT_EQ(escape_controls("\xC3\xA9\xFF"), "\\303\\251\\377");
    EXPECT_EQ(escape_controls("a\nb\x1B]0;title\x07"), "a\\nb\\033]0;title\\a");
}

TEST(DoubleToText, HasAsManyDigitsAsItTakes) {
    constexpr struct {
        double number;
        std::string_view text;
    } kCases[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {1.5, "1.5"},
        {0.1, "0.1"},
        {1e6, "1e+06"},
        {1e300, "1e+300"},
        {123456789.0, "123456789"},
        {3.141592653589793, "3.141592653589793"},
        {std::numeric_limits<double>::infinity(), "inf"},
        {std::numeric_limits<double>::quiet_NaN(), "nan"},
    };
    for (const auto& [number, text] : kCases)
        EXPECT_EQ(to_text(number), text);
}

TEST(ToTerse, CanBeGivenBackAsArguments) {
    const std::vector<std::string> arguments{"1", "a", "v", "s", "b c"};
    EXPECT_EQ(to_terse_with_types(values("a{sv}", arguments)), R"(a{sv} 1 "a" v s "b c")");
}

}  // namespace
}  // namespace buzon::clients
