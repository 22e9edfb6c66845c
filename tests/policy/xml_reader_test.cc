// SPDX-License-Identifier: Apache-2.0
#include "policy/xml_reader.h"

#include <chrono>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "policy/config.h"

namespace buzon::policy {
namespace {

XmlElement read(std::string_view text) {
    return read_xml(text, "x.conf");
}

TEST(ReadXml, KeepsNamesAttributesTextAndOrder) {
    const auto root = read("<a>\n <b x='1' y=\"2\">one</b><c/> two<b/></a>");
    EXPECT_EQ(root.name, "a");
    ASSERT_EQ(root.children.size(), 3u);
    EXPECT_EQ(root.children[0].name, "b");
    EXPECT_EQ(root.children[0].text, "one");
    EXPECT_EQ(*root.children[0].attribute("x"), "1");
    EXPECT_EQ(*root.children[0].attribute("y"), "2");
    EXPECT_EQ(root.children[0].attribute("z"), nullptr);
    EXPECT_EQ(root.children[1].name, "c");
    EXPECT_EQ(root.children[2].name, "b");
    EXPECT_EQ(root.text, "\n  two");
}

TEST(ReadXml, PlacesAnElementWhereItsTagBegins) {
    const auto root = read("<!-- x -->\n<a>\n  <b\n    x='1'\n    y='2'/><c>\n</c>\n<d\n/></a>");
    EXPECT_EQ(root.line, 2u);
    EXPECT_EQ(root.column, 1u);
    ASSERT_EQ(root.children.size(), 3u);
    EXPECT_EQ(root.children[0].line, 3u);
    EXPECT_EQ(root.children[0].column, 3u);
    EXPECT_EQ(root.children[1].line, 5u);
    EXPECT_EQ(root.children[1].column, 12u);
    EXPECT_EQ(root.children[2].line, 7u);
    EXPECT_EQ(root.children[2].column, 1u);
}

TEST(ReadXml, PlacesElementsBeyondLine65535) {
    const auto root = read("<a>" + std::string(70000, '\n') + "<b/></a>");
    EXPECT_EQ(root.children.at(0).line, 70001u);
}

TEST(ReadXml, ResolvesEntitiesAndCdata) {
    const auto root = read(
        "<!DOCTYPE a [<!ENTITY n \"name\"><!ENTITY e \"<c>&n;</c>\">]>"
        "<a x='&n;&#33;'>&lt;&n;&#x26;<![CDATA[<b>]]>&e;&e;</a>");
    EXPECT_EQ(*root.attribute("x"), "name!");
    EXPECT_EQ(root.text, "<name&<b>");
    ASSERT_EQ(root.children.size(), 2u);
    EXPECT_EQ(root.children[1].name, "c");
    EXPECT_EQ(root.children[1].text, "name");
}

TEST(ReadXml, TakesNameSpacesForOrdinaryNames) {
    const auto root = read("<a xmlns='urn:x' xmlns:p='urn:y'><p:b p:c='1'/></a>");
    EXPECT_EQ(root.name, "a");
    EXPECT_EQ(*root.attribute("xmlns"), "urn:x");
    EXPECT_EQ(*root.attribute("xmlns:p"), "urn:y");
    EXPECT_EQ(root.children.at(0).name, "p:b");
    EXPECT_EQ(*root.children.at(0).attribute("p:c"), "1");
}

TEST(ReadXml, DoesNotOpenTheDocumentType) {
    EXPECT_EQ(read("<!DOCTYPE a SYSTEM '/nonexistent/x.dtd'><a/>").name, "a");
    EXPECT_EQ(read("<!DOCTYPE other PUBLIC '-//x' 'http://127.0.0.1:1/x.dtd'><a/>").name, "a");
}

constexpr struct {
    std::string_view about, text;
    std::uint32_t line;
    std::string_view part_of_error;
} kRefused[] = {
    {"empty", "", 1, "empty"},
    {"no element", "<!-- nothing -->", 1, ""},
    {"space before the declaration", " <?xml version='1.0'?><a/>", 1, "XML declaration"},
    {"cut off in a tag", "<a>\n<b x='", 2, ""},
    {"cut off in the content", "<a>\n<b/>\n", 3, ""},
    {"tags crossed", "<a>\n<b></a>", 2, "mismatch"},
    {"attribute twice", "<a>\n<b x='1' x='1'/></a>", 2, "redefined"},
    {"attribute without quotes", "<a x=1/>", 1, "AttValue"},
    {"an escape sequence that libxml2 quotes", "<a b='\x1b[31m\xff'/>", 1, ""},
    {"two roots", "<a/>\n<b/>", 2, "Extra content"},
    {"text after the root", "<a/>x", 1, "Extra content"},
    {"not UTF-8", "<a>\n\xff</a>", 2, "encoding ! Bytes: 0xFF"},
    {"a control character", "<a>\n\x01</a>", 2, ""},
    {"character zero", "<a>&#0;</a>", 1, ""},
    {"undefined entity", "<a>\n&x;</a>", 2, "'x' not defined"},
    {"undefined entity, with a document type", "<!DOCTYPE a SYSTEM 'x'>\n<a>&x;</a>", 2,
     "'x' not defined"},
    {"undefined entity in an attribute", "<!DOCTYPE a SYSTEM 'x'>\n<a y='&x;'/>", 2,
     "'x' not defined"},
    {"external entity", "<!DOCTYPE a [\n<!ENTITY x SYSTEM '/etc/hostname'>]><a>&x;</a>", 2,
     "\"x\" is external"},
    {"external entity, never used", "<!DOCTYPE a [<!ENTITY x SYSTEM '/etc/hostname'>]><a/>", 1,
     "\"x\" is external"},
    {"external parameter entity", "<!DOCTYPE a [<!ENTITY % x SYSTEM '/etc/hostname'> %x;]><a/>", 1,
     "\"x\" is external"},
    {"attribute declaration", "<!DOCTYPE a [<!ATTLIST a x CDATA 'y'>]><a/>", 1,
     "attribute declarations"},
    {"a tag that would move the cursor", "<\x1b[2J/>", 1, ""},
    {"an entity that holds itself", "<!DOCTYPE a [<!ENTITY x '&x;'>]><a>&x;</a>", 1, "loop"},
    {"an entity that closes what it did not open",
     "<!DOCTYPE a [<!ENTITY x '</b>'>]>\n<a><b>&x;</a>", 2, ""},
};

TEST(ReadXml, SaysWhereAndWhat) {
    for (const auto& [about, text, line, part] : kRefused) {
        try {
            read(text);
            ADD_FAILURE() << about << " is accepted";
        } catch (const ConfigError& error) {
            EXPECT_EQ(error.file(), "x.conf") << about;
            EXPECT_EQ(error.line(), line) << about << ": " << error.what();
            EXPECT_GE(error.column(), 1u) << about;
            EXPECT_NE(error.text().find(part), std::string::npos)
                << about << " says: " << error.text();
            EXPECT_EQ(std::string_view(error.what()).find_first_of("\x1b\n\xff"),
                      std::string_view::npos)
                << about << " says it to the terminal";
        }
    }
}

TEST(ReadXml, RefusesAByteOfZero) {
    EXPECT_THROW(read(std::string_view("<a>\0</a>", 8)), ConfigError);
}

TEST(ReadXml, RefusesElementsNestedTooDeep) {
    std::string open, close;
    for (unsigned i = 0; i < kMaxXmlDepth; ++i) {
        open += "<a>";
        close += "</a>";
    }
    EXPECT_NO_THROW(read(open + close));
    EXPECT_THROW(read(open + "<a/>" + close), ConfigError);
}

TEST(ReadXml, RefusesTooManyElements) {
    std::string text = "<a>";
    for (std::size_t i = 0; i < kMaxXmlElements; ++i)
        text += "<b/>";
    EXPECT_THROW(read(text + "</a>"), ConfigError);
}

TEST(ReadXml, RefusesATextThatIsTooLong) {
    EXPECT_THROW(read(std::string(kMaxXmlBytes + 1, ' ')), ConfigError);
}

/// Entities that each hold ten of the one before.
std::string ten_times_each(int levels, const std::string& seed) {
    std::string text = "<!DOCTYPE a [<!ENTITY e0 \"" + seed + "\">";
    for (int i = 1; i <= levels; ++i) {
        text += "<!ENTITY e" + std::to_string(i) + " \"";
        for (int j = 0; j < 10; ++j)
            text += "&e" + std::to_string(i - 1) + ";";
        text += "\">";
    }
    return text + "]>";
}

TEST(ReadXml, RefusesEntityBombs) {
    const std::string bombs[] = {
        ten_times_each(12, "aaaaaaaaaa") + "<a>&e12;</a>",
        ten_times_each(12, "aaaaaaaaaa") + "<a x='&e12;'/>",
        ten_times_each(12, "<b/>") + "<a>&e12;</a>",
        ten_times_each(12, "") + "<a>&e12;</a>",
        // One long entity, used often: quadratic, not exponential.
        "<!DOCTYPE a [<!ENTITY e '" + std::string(100'000, 'a') + "'>]><a>" +
            [] {
                std::string uses;
                for (int i = 0; i < 100'000; ++i)
                    uses += "&e;";
                return uses;
            }() +
            "</a>",
    };
    for (const auto& bomb : bombs)
        EXPECT_THROW(read(bomb), ConfigError) << bomb.substr(0, 80);
}

}  // namespace
}  // namespace buzon::policy
