// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/value_json.h"

#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "clients/ctl/value_parser.h"

namespace buzon::clients {
namespace {

std::string short_body(std::string_view signature, const std::vector<std::string>& arguments) {
    return to_text(to_json_body(parse_values(signature, arguments)), JsonMode::Short);
}

TEST(ToJson, ABodyHasItsSignatureAndAnArrayOfValues) {
    EXPECT_EQ(short_body("", {}), R"({"type":"","data":[]})");
    EXPECT_EQ(short_body("as", {"2", "a", "b"}), R"({"type":"as","data":[["a","b"]]})");
    EXPECT_EQ(short_body("ybxt", {"1", "no", "-5", "18446744073709551615"}),
              R"({"type":"ybxt","data":[1,false,-5,18446744073709551615]})");
}

TEST(ToJson, VariantsCarryTheirType) {
    EXPECT_EQ(short_body("v", {"v", "s", "x"}),
              R"({"type":"v","data":[{"type":"v","data":{"type":"s","data":"x"}}]})");
}

TEST(ToJson, DictionariesAreObjects) {
    EXPECT_EQ(short_body("a{sv}", {"1", "k", "u", "1"}),
              R"({"type":"a{sv}","data":[{"k":{"type":"u","data":1}}]})");
    EXPECT_EQ(short_body("a{sv}", {"0"}), R"({"type":"a{sv}","data":[{}]})");
}

TEST(ToJson, KeysThatAreNoTextsBecomeTexts) {
    EXPECT_EQ(short_body("a{us}a{ob}a{by}", {"1", "3", "c", "1", "/a", "yes", "1", "no", "1"}),
              R"({"type":"a{us}a{ob}a{by}","data":[{"3":"c"},{"/a":true},{"false":1}]})");
}

TEST(ToJson, KeysThatOccurTwiceAreBothThere) {
    EXPECT_EQ(short_body("a{ss}", {"2", "k", "1", "k", "2"}),
              R"({"type":"a{ss}","data":[{"k":"1","k":"2"}]})");
}

TEST(ToJson, StructsAndBytesAreArrays) {
    EXPECT_EQ(short_body("(si)ay", {"p", "3", "2", "1", "255"}),
              R"({"type":"(si)ay","data":[["p",3],[1,255]]})");
}

TEST(ToJson, WhatJsonCannotSayIsNull) {
    EXPECT_EQ(short_body("ddh", {"nan", "inf", "0"}), R"({"type":"ddh","data":[null,null,null]})");
}

TEST(ToJson, TextsAreEscapedAndStayUtf8) {
    EXPECT_EQ(to_text(Json("\"\\\n\x01\xC3\xA9"), JsonMode::Short),
              "\"\\\"\\\\\\n\\u0001\xC3\xA9\"");
    EXPECT_EQ(to_text(Json("a\xFF"), JsonMode::Short), "\"a\xEF\xBF\xBD\"");
}

TEST(JsonText, PrettyHasTabsAndSpacesAroundColons) {
    const auto json = to_json_body(
        parse_values("asa{sv}", std::vector<std::string>{"0", "1", "k", "as", "1", "x"}));
    EXPECT_EQ(to_text(json, JsonMode::Pretty),
              "{\n"
              "\t\"type\" : \"asa{sv}\",\n"
              "\t\"data\" : [\n"
              "\t\t[],\n"
              "\t\t{\n"
              "\t\t\t\"k\" : {\n"
              "\t\t\t\t\"type\" : \"as\",\n"
              "\t\t\t\t\"data\" : [\n"
              "\t\t\t\t\t\"x\"\n"
              "\t\t\t\t]\n"
              "\t\t\t}\n"
              "\t\t}\n"
              "\t]\n"
              "}");
}

}  // namespace
}  // namespace buzon::clients
