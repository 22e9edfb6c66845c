// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/messages.h"

#include <gtest/gtest.h>

namespace buzon::bench {
namespace {

using bus::FieldCode;
using bus::MessageType;

TEST(MakeCall, WritesTheFieldsThatItIsGiven) {
    const Bytes body(8);
    auto call = make_call({.destination = "org.example.Callee",
                           .path = "/org/example",
                           .interface = "org.example.Interface",
                           .member = "Method",
                           .signature = "t",
                           .body = body});
    set_serial(call, 77);
    EXPECT_EQ(type_of(call), MessageType::MethodCall);
    EXPECT_EQ(serial_of(call), 77U);
    EXPECT_EQ(size_of_message(call), call.size());
    EXPECT_EQ(header_text(call, FieldCode::Destination), "org.example.Callee");
    EXPECT_EQ(header_text(call, FieldCode::Path), "/org/example");
    EXPECT_EQ(header_text(call, FieldCode::Interface), "org.example.Interface");
    EXPECT_EQ(header_text(call, FieldCode::Member), "Method");
    EXPECT_EQ(header_text(call, FieldCode::Signature), "t");
    EXPECT_EQ(header_text(call, FieldCode::Sender), std::nullopt);
}

TEST(MakeReply, AnswersTheSerialThatIsSetLater) {
    auto reply = make_reply(":1.5");
    set_reply_serial(reply, 12);
    EXPECT_EQ(type_of(reply), MessageType::MethodReturn);
    EXPECT_EQ(reply_serial_of(reply), 12U);
    EXPECT_EQ(header_text(reply, FieldCode::Destination), ":1.5");
    EXPECT_EQ(size_of_message(reply), reply.size());
}

TEST(MakeSignal, CarriesAString) {
    const auto signal = make_signal("org.example.Interface", "Changed");
    EXPECT_EQ(type_of(signal), MessageType::Signal);
    EXPECT_EQ(header_text(signal, FieldCode::Member), "Changed");
    EXPECT_TRUE(first_string(signal).has_value());
    EXPECT_EQ(reply_serial_of(signal), std::nullopt);
}

}  // namespace
}  // namespace buzon::bench
