// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/message_listing.h"

#include <cstdlib>
#include <ctime>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "clients/ctl/value_parser.h"
#include "tests/clients/ctl/sealed_message.h"

namespace buzon::clients {
namespace {

constexpr std::uint64_t kSomeTime = 1'700'000'000'000'123;

SeenMessage error_reply() {
    return {.type = "error",
            .flags = 1,
            .serial = 16,
            .reply_serial = 2,
            .microseconds = kSomeTime,
            .sender = ":1.0",
            .destination = ":1.28",
            .error_name = "org.example.Error.Broken",
            .body = {{std::string("it is\nbroken")}}};
}

class MessageText : public testing::Test {
protected:
    void SetUp() override {
        setenv("TZ", "UTC", 1);
        tzset();
    }
};

TEST_F(MessageText, ShowsAnError) {
    EXPECT_EQ(to_text(error_reply()),
              "‣ Type=error  Endian=l  Flags=1  Version=1 Cookie=16  ReplyCookie=2  "
              "Timestamp=\"Tue 2023-11-14 22:13:20.000123 UTC\"\n"
              "  Sender=:1.0  Destination=:1.28\n"
              "  ErrorName=org.example.Error.Broken  ErrorMessage=\"it is\\nbroken\"\n"
              "  UniqueName=:1.0\n"
              "  MESSAGE \"s\" {\n"
              "          STRING \"it is\\nbroken\";\n"
              "  };\n"
              "\n");
}

TEST_F(MessageText, ShowsWhatSdBusReceived) {
    MessageFactory factory;
    const auto message = factory.signal(parse_values("u", std::vector<std::string>{"7"}));
    EXPECT_EQ(to_text(see_message(*message, kSomeTime)),
              "‣ Type=signal  Endian=l  Flags=1  Version=1 Cookie=42  "
              "Timestamp=\"Tue 2023-11-14 22:13:20.000123 UTC\"\n"
              "  Path=/a/b  Interface=org.example.A  Member=Fired\n"
              "  MESSAGE \"u\" {\n"
              "          UINT32 7;\n"
              "  };\n"
              "\n");
}

TEST(MessageJson, LeavesOutWhatTheMessageHasNot) {
    EXPECT_EQ(to_text(to_json(error_reply()), JsonMode::Short),
              R"({"type":"error","endian":"l","flags":1,"version":1,"cookie":16,"reply_cookie":2,)"
              R"("timestamp-realtime":1700000000000123,"sender":":1.0","destination":":1.28",)"
              R"("error_name":"org.example.Error.Broken",)"
              R"("payload":{"type":"s","data":["it is\nbroken"]}})");
}

TEST(SeeMessage, ReadsFlagsOfCalls) {
    MessageFactory factory;
    const auto message = factory.method_call({});
    const SeenMessage seen = see_message(*message, 0);
    EXPECT_EQ(seen.type, "method_call");
    EXPECT_EQ(seen.flags, 0U);
    EXPECT_EQ(seen.destination, "org.example.B");
    EXPECT_EQ(seen.member, "Do");
    EXPECT_TRUE(seen.body.empty());
}

}  // namespace
}  // namespace buzon::clients
