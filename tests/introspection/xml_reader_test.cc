// SPDX-License-Identifier: Apache-2.0
#include "introspection/xml_reader.h"

#include <fstream>
#include <iterator>
#include <optional>

#include <gtest/gtest.h>

#include "introspection/xml_writer.h"

namespace buzon::introspection {
namespace {

std::string file(const std::string& name) {
    std::ifstream stream(std::string(BUZON_TEST_DATA) + "/introspection/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

std::string in_interface(std::string_view members) {
    return std::string("<node><interface name='a.B'>")
        .append(members)
        .append("</interface></node>");
}

Interface read_interface(std::string_view members) {
    const auto node = read_xml(in_interface(members));
    EXPECT_TRUE(node) << describe(node.error());
    return node ? node->interfaces.at(0) : Interface{};
}

TEST(ReadXml, WhatTheReferenceDaemonWritesIsWrittenAgainByteForByte) {
    const std::string text = file("driver.xml");
    ASSERT_FALSE(text.empty());
    const auto node = read_xml(text);
    ASSERT_TRUE(node) << describe(node.error());
    EXPECT_EQ(to_xml(*node), text);
}

TEST(ReadXml, MethodsHaveArgumentsInOrder) {
    const auto interface = read_interface(
        "<method name='M'><arg type='s'/><arg name='b' type='i' direction='in'/>"
        "<arg name='c' type='a{sv}' direction='out'/></method>");
    const Method expected{
        "M", {{"", "s", Direction::In}, {"b", "i", Direction::In}, {"c", "a{sv}", Direction::Out}}};
    ASSERT_EQ(interface.methods.size(), 1U);
    EXPECT_EQ(interface.methods[0], expected);
}

TEST(ReadXml, SignalArgumentsAreOutWhateverTheTextSays) {
    const auto interface = read_interface(
        "<signal name='S'><arg type='s'/><arg type='i' direction='in'/>"
        "<arg type='u' direction='out'/></signal>");
    const Signal expected{
        "S", {{"", "s", Direction::Out}, {"", "i", Direction::Out}, {"", "u", Direction::Out}}};
    ASSERT_EQ(interface.signals.size(), 1U);
    EXPECT_EQ(interface.signals[0], expected);
}

TEST(ReadXml, PropertiesHaveTheirAccess) {
    const auto interface = read_interface(
        "<property name='R' type='s' access='read'/>"
        "<property name='W' type='i' access='write'/>"
        "<property name='B' type='u' access='readwrite'/>");
    const std::vector<Property> expected{
        {"R", "s", Access::Read}, {"W", "i", Access::Write}, {"B", "u", Access::ReadWrite}};
    EXPECT_EQ(interface.properties, expected);
}

TEST(ReadXml, AnnotationsBelongToWhatTheyStandIn) {
    const auto interface = read_interface(
        "<annotation name='i' value='1'/>"
        "<method name='M'><annotation name='m' value='2'/>"
        "<arg type='s'><annotation name='a' value='3'/></arg></method>"
        "<property name='P' type='s' access='read'><annotation name='p' value='4'/></property>"
        "<signal name='S'><annotation name='s' value='5'/></signal>");
    EXPECT_EQ(interface.annotations, (std::vector<Annotation>{{"i", "1"}}));
    EXPECT_EQ(interface.methods.at(0).annotations, (std::vector<Annotation>{{"m", "2"}}));
    EXPECT_EQ(interface.methods.at(0).arguments.at(0).annotations,
              (std::vector<Annotation>{{"a", "3"}}));
    EXPECT_EQ(interface.properties.at(0).annotations, (std::vector<Annotation>{{"p", "4"}}));
    EXPECT_EQ(interface.signals.at(0).annotations, (std::vector<Annotation>{{"s", "5"}}));
}

TEST(ReadXml, ChildrenNestAndKeepTheirNames) {
    const auto node =
        read_xml("<node name='/r'><node name='a'><node name='b/c'/></node><node name='d'/></node>");
    ASSERT_TRUE(node);
    const Node expected{"/r", {}, {Node{"a", {}, {Node{"b/c"}}}, Node{"d"}}};
    EXPECT_EQ(*node, expected);
}

TEST(ReadXml, DocumentationAndUnknownElementsAreSkippedWithAllInside) {
    const auto node = read_xml(
        "<?xml version='1.0'?>\n<!-- c -->"
        "<node xmlns:tp='urn:x' tp:name='t'><tp:docstring>x<node name='n'/></tp:docstring>"
        "<interface name='a.B' tp:x='y'><doc:doc>undeclared prefix</doc:doc>"
        "<future><method name='No'/></future>text<method name='M' since='2'/></interface></node>");
    ASSERT_TRUE(node) << describe(node.error());
    const Node expected{"", {{"a.B", {Method{"M"}}}}};
    EXPECT_EQ(*node, expected);
}

TEST(ReadXml, EscapedCharactersAreDecodedOnce) {
    const auto interface =
        read_interface("<annotation name='n' value='&lt;&amp;amp;&gt;&quot;&apos;&#65;&#x20AC;'/>");
    EXPECT_EQ(interface.annotations.at(0).value, "<&amp;>\"'A\xE2\x82\xAC");
}

const std::string kMethodOutsideInterface = "<node>\n\n<method name='M'/></node>";

const struct {
    std::string_view about;
    std::string text;
    XmlErrorKind kind;
    std::size_t line;
    std::string_view subject;
} kRefused[] = {
    {"another root", "<busconfig/>", XmlErrorKind::RootIsNotNode, 1, "busconfig"},
    {"method outside an interface", kMethodOutsideInterface, XmlErrorKind::MisplacedElement, 3,
     "method"},
    {"interface in an interface", in_interface("<interface name='c.D'/>"),
     XmlErrorKind::MisplacedElement, 1, "interface"},
    {"argument of a property",
     in_interface("<property name='P' type='s' access='read'><arg type='s'/></property>"),
     XmlErrorKind::MisplacedElement, 1, "arg"},
    {"interface without a name", "<node>\n<interface/></node>", XmlErrorKind::MissingAttribute, 2,
     "interface name"},
    {"method without a name", in_interface("<method/>"), XmlErrorKind::MissingAttribute, 1,
     "method name"},
    {"child without a name", "<node><node/></node>", XmlErrorKind::MissingAttribute, 1,
     "node name"},
    {"argument without a type", in_interface("<method name='M'>\n<arg name='a'/></method>"),
     XmlErrorKind::MissingAttribute, 2, "arg type"},
    {"property without access", in_interface("<property name='P' type='s'/>"),
     XmlErrorKind::MissingAttribute, 1, "property access"},
    {"annotation without a value", in_interface("<annotation name='a'/>"),
     XmlErrorKind::MissingAttribute, 1, "annotation value"},
    {"direction inout", in_interface("<method name='M'><arg type='s' direction='inout'/></method>"),
     XmlErrorKind::BadDirection, 1, "inout"},
    {"access rw", in_interface("<property name='P' type='s' access='rw'/>"),
     XmlErrorKind::BadAccess, 1, "rw"},
    {"internal entity", "<!DOCTYPE node [\n<!ENTITY e 'x'>]><node name='&e;'/>",
     XmlErrorKind::EntityDeclared, 2, "e"},
    {"external entity", "<!DOCTYPE node [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><node>&e;</node>",
     XmlErrorKind::EntityDeclared, 1, "e"},
    {"parameter entity", "<!DOCTYPE node [<!ENTITY % p SYSTEM 'http://x/'> %p;]><node/>",
     XmlErrorKind::EntityDeclared, 1, "p"},
};

TEST(ReadXml, NamesTheFirstErrorAndItsLine) {
    for (const auto& [about, text, kind, line, subject] : kRefused) {
        const auto node = read_xml(text);
        ASSERT_FALSE(node) << about;
        EXPECT_EQ(node.error(), (XmlError{kind, line, std::string(subject)})) << about;
    }
}

TEST(ReadXml, ASecondErrorInOneTagChangesNothing) {
    const auto node = read_xml(in_interface("<property typ='s' access='rw'/>"));
    ASSERT_FALSE(node);
    EXPECT_EQ(node.error(), (XmlError{XmlErrorKind::MissingAttribute, 1, "property name"}));
}

TEST(ReadXml, RefusesWhatIsNotWellFormed) {
    constexpr struct {
        std::string_view text;
        std::size_t line;
    } kTexts[] = {
        {"", 1},
        {"no xml", 1},
        {"<node>", 1},
        {"<node>\n<interface name='a'></node>", 2},
        {"<node/>\n<node/>", 2},
        {"<node name='&undeclared;'/>", 1},
        {"<node name='\xFF'/>", 1},
    };
    for (const auto& [text, line] : kTexts) {
        const auto node = read_xml(text);
        ASSERT_FALSE(node) << text;
        EXPECT_EQ(node.error().kind, XmlErrorKind::NotWellFormed) << text;
        EXPECT_EQ(node.error().line, line) << text;
        EXPECT_FALSE(node.error().subject.empty()) << text;
    }
}

std::string nested(std::size_t depth) {
    std::string text = "<node>";
    for (std::size_t i = 1; i < depth; ++i)
        text += "<node name='n'>";
    for (std::size_t i = 0; i < depth; ++i)
        text += "</node>";
    return text;
}

TEST(ReadXml, DepthIsBounded) {
    EXPECT_TRUE(read_xml(nested(kMaxXmlDepth)));
    const auto node = read_xml(nested(kMaxXmlDepth + 1));
    ASSERT_FALSE(node);
    EXPECT_EQ(node.error().kind, XmlErrorKind::TooDeep);
}

TEST(ReadXml, SizeIsBounded) {
    const std::string_view tail = "-->";
    std::string text = "<node/><!--";
    text.append(kMaxXmlBytes - text.size() - tail.size(), 'x').append(tail);
    EXPECT_TRUE(read_xml(text));
    const auto node = read_xml(text + " ");
    ASSERT_FALSE(node);
    EXPECT_EQ(node.error().kind, XmlErrorKind::TooLarge);
}

TEST(DescribeXmlError, SaysLineAndReason) {
    const auto node = read_xml(kMethodOutsideInterface);
    ASSERT_FALSE(node);
    EXPECT_EQ(describe(node.error()), "line 3: <method> is not allowed here");
}

}  // namespace
}  // namespace buzon::introspection
