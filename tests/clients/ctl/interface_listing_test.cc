// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/interface_listing.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace buzon::clients {
namespace {

using introspection::Access;
using introspection::Direction;
using introspection::Interface;

constexpr const char* kEmits = "org.freedesktop.DBus.Property.EmitsChangedSignal";
constexpr const char* kDeprecated = "org.freedesktop.DBus.Deprecated";

DescribedInterface sample() {
    Interface interface { "org.example.B" };
    interface.methods = {
        {"Send",
         {{"a", "s", Direction::In}, {"b", "as", Direction::In}, {"c", "u", Direction::Out}}},
        {"Ping", {}, {{"org.freedesktop.DBus.Method.NoReply", "true"}, {kDeprecated, "true"}}}};
    interface.properties = {{"Volume", "u", Access::ReadWrite},
                            {"Fixed", "(si)", Access::Read, {{kEmits, "const"}}},
                            {"Stale", "s", Access::Read, {{kEmits, "invalidates"}}},
                            {"Mute", "b", Access::Write, {{kEmits, "false"}}}};
    interface.signals = {{"Sent", {{"", "s", Direction::Out}, {"", "a{sv}", Direction::Out}}}};
    return {interface,
            {{"Volume", {std::uint32_t{7}}},
             {"Fixed", {Struct{{{std::string("p")}, {std::int32_t{3}}}}}}}};
}

TEST(InterfaceTable, SortsMembersByKindAndName) {
    EXPECT_EQ(interface_table({sample(), {Interface{"org.example.A"}}}, Heading::Interface, 0)
                  .to_text({}),
              "NAME          TYPE      SIGNATURE RESULT/VALUE FLAGS\n"
              "org.example.A interface -         -            -\n"
              "org.example.B interface -         -            -\n"
              ".Ping         method    -         -            deprecated no-reply\n"
              ".Send         method    sas       u            -\n"
              ".Fixed        property  (si)      \"p\" 3        const\n"
              ".Mute         property  b         -            writable\n"
              ".Stale        property  s         -            emits-invalidation\n"
              ".Volume       property  u         7            emits-change writable\n"
              ".Sent         signal    sa{sv}    -            -\n");
}

TEST(InterfaceTable, WithoutHeadingHasMembersOnly) {
    Interface interface { "a.B" };
    interface.methods = {{"M"}};
    EXPECT_EQ(interface_table({{interface}}, Heading::None, 0).to_text({.has_header = false}),
              ".M method - - -\n");
}

TEST(InterfaceTable, CutsNamesAndValues) {
    Interface interface { "a.B" };
    interface.properties = {{"LongerName", "s", Access::Read, {{kEmits, "false"}}}};
    const DescribedInterface described{interface, {{"LongerName", {std::string("long value")}}}};
    EXPECT_EQ(interface_table({described}, Heading::None, 6).to_text({.has_header = false}),
              ".Long… property s \"long… -\n");
}

TEST(InterfaceTable, AnInterfaceSaysHowItsPropertiesChangeUnlessTheySay) {
    Interface interface {
        "a.B", {}, {}, {}, {
            { kEmits, "const" }
        }
    };
    interface.properties = {{"A", "s"}, {"B", "s", Access::Read, {{kEmits, "true"}}}};
    EXPECT_EQ(interface_table({{interface}}, Heading::None, 0).to_text({.has_header = false}),
              ".A property s - const\n"
              ".B property s - emits-change\n");
}

TEST(InterfacesJson, HasMembersByKind) {
    const auto list = interfaces_json({sample()});
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list[0]["name"], "org.example.B");
    EXPECT_EQ(list[0]["flags"], Json::array());
    EXPECT_EQ(to_text(list[0]["methods"][0], JsonMode::Short),
              R"({"name":"Ping","signature":"","result":"","flags":["deprecated","no-reply"]})");
    EXPECT_EQ(to_text(list[0]["methods"][1], JsonMode::Short),
              R"({"name":"Send","signature":"sas","result":"u","flags":[]})");
    EXPECT_EQ(to_text(list[0]["properties"][0], JsonMode::Short),
              R"json({"name":"Fixed","signature":"(si)","value":["p",3],"flags":["const"]})json");
    EXPECT_EQ(to_text(list[0]["properties"][1], JsonMode::Short),
              R"({"name":"Mute","signature":"b","value":null,"flags":["writable"]})");
    EXPECT_EQ(to_text(list[0]["signals"][0], JsonMode::Short),
              R"({"name":"Sent","signature":"sa{sv}","flags":[]})");
}

}  // namespace
}  // namespace buzon::clients
