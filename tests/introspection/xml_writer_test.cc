// SPDX-License-Identifier: Apache-2.0
#include "introspection/xml_writer.h"

#include <gtest/gtest.h>

namespace buzon::introspection {
namespace {

constexpr std::string_view kHead =
    "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
    "\"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n";

std::string document(std::string_view body) {
    return std::string(kHead).append(body);
}

TEST(ToXml, AnEmptyNodeIsOpenedAndClosed) {
    EXPECT_EQ(to_xml(Node{}), document("<node>\n</node>\n"));
}

TEST(ToXml, TheRootIsNamedOnlyIfItHasAName) {
    EXPECT_EQ(to_xml(Node{"/a"}), document("<node name=\"/a\">\n</node>\n"));
}

TEST(ToXml, AMethodWithoutArgumentsIsNotClosedInItsTag) {
    const Node node{"", {{"a.B", {Method{"Ping"}}}}};
    EXPECT_EQ(to_xml(node), document("<node>\n"
                                     "  <interface name=\"a.B\">\n"
                                     "    <method name=\"Ping\">\n"
                                     "    </method>\n"
                                     "  </interface>\n"
                                     "</node>\n"));
}

TEST(ToXml, MethodArgumentsHaveADirectionAndSignalArgumentsNone) {
    Interface interface { "a.B" };
    interface.methods.push_back(
        {"Echo", {{"", "s", Direction::In}, {"text", "s", Direction::Out}}});
    interface.signals.push_back({"Echoed", {{"text", "s", Direction::Out}}});
    EXPECT_EQ(to_xml(Node{"", {interface}}),
              document("<node>\n"
                       "  <interface name=\"a.B\">\n"
                       "    <method name=\"Echo\">\n"
                       "      <arg direction=\"in\" type=\"s\"/>\n"
                       "      <arg direction=\"out\" type=\"s\" name=\"text\"/>\n"
                       "    </method>\n"
                       "    <signal name=\"Echoed\">\n"
                       "      <arg type=\"s\" name=\"text\"/>\n"
                       "    </signal>\n"
                       "  </interface>\n"
                       "</node>\n"));
}

TEST(ToXml, APropertyIsClosedInItsTagUnlessItHasAnnotations) {
    Interface interface { "a.B" };
    interface.properties.push_back({"Plain", "u", Access::ReadWrite});
    interface.properties.push_back({"Fixed", "as", Access::Read, {{"Emits", "const"}}});
    interface.properties.push_back({"Secret", "s", Access::Write});
    EXPECT_EQ(to_xml(Node{"", {interface}}),
              document("<node>\n"
                       "  <interface name=\"a.B\">\n"
                       "    <property name=\"Plain\" type=\"u\" access=\"readwrite\"/>\n"
                       "    <property name=\"Fixed\" type=\"as\" access=\"read\">\n"
                       "      <annotation name=\"Emits\" value=\"const\"/>\n"
                       "    </property>\n"
                       "    <property name=\"Secret\" type=\"s\" access=\"write\"/>\n"
                       "  </interface>\n"
                       "</node>\n"));
}

TEST(ToXml, ChildrenWithoutContentAreClosedInTheirTag) {
    const Node node{"", {}, {Node{"org/example"}, Node{"deep", {}, {Node{"er"}}}}};
    EXPECT_EQ(to_xml(node), document("<node>\n"
                                     "  <node name=\"org/example\"/>\n"
                                     "  <node name=\"deep\">\n"
                                     "    <node name=\"er\"/>\n"
                                     "  </node>\n"
                                     "</node>\n"));
}

TEST(ToXml, AnnotationsComeFirstInWhatHasThem) {
    Interface interface { "a.B" };
    interface.annotations = {{"x", "1"}};
    interface.methods.push_back({"M", {{"p", "s", Direction::In, {{"y", "2"}}}}, {{"z", "3"}}});
    EXPECT_EQ(to_xml(Node{"", {interface}, {}, {{"n", "0"}}}),
              document("<node>\n"
                       "  <annotation name=\"n\" value=\"0\"/>\n"
                       "  <interface name=\"a.B\">\n"
                       "    <annotation name=\"x\" value=\"1\"/>\n"
                       "    <method name=\"M\">\n"
                       "      <annotation name=\"z\" value=\"3\"/>\n"
                       "      <arg direction=\"in\" type=\"s\" name=\"p\">\n"
                       "        <annotation name=\"y\" value=\"2\"/>\n"
                       "      </arg>\n"
                       "    </method>\n"
                       "  </interface>\n"
                       "</node>\n"));
}

TEST(ToXml, MarkupInValuesIsEscaped) {
    const Node node{"", {}, {}, {{"n", "<a href=\"x\">&\n\t\r\x01</a>"}}};
    EXPECT_EQ(to_xml(node),
              document("<node>\n"
                       "  <annotation name=\"n\" value=\"&lt;a href=&quot;x&quot;&gt;&amp;"
                       "&#10;&#9;&#13;\xEF\xBF\xBD&lt;/a&gt;\"/>\n"
                       "</node>\n"));
}

}  // namespace
}  // namespace buzon::introspection
