// SPDX-License-Identifier: Apache-2.0
#include "tests/load/messages.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace buzon::load {
namespace {

using bus::MessageType;

TEST(MakeCall, WritesTheFieldsThatItIsGiven) {
    auto call = make_call({.path = "/org/example",
                           .interface = "org.example.Interface",
                           .member = "Method",
                           .destination = "org.example.Callee",
                           .signature = "t"},
                          [](bus::WireWriter& body) { body.write_uint64(5); });
    set_serial(call, 77);
    const auto header = header_of(call);
    EXPECT_EQ(header.type, MessageType::MethodCall);
    EXPECT_EQ(header.serial, 77U);
    EXPECT_EQ(header.destination, "org.example.Callee");
    EXPECT_EQ(header.path, "/org/example");
    EXPECT_EQ(header.interface, "org.example.Interface");
    EXPECT_EQ(header.member, "Method");
    EXPECT_EQ(header.signature, "t");
    EXPECT_EQ(size_of_message(call), call.size());
    EXPECT_EQ(serial_of(call), 77U);
    EXPECT_EQ(type_of(call), MessageType::MethodCall);
}

TEST(MakeReply, AnswersTheSerialThatIsSetLater) {
    auto reply = make_reply(":1.5");
    set_serial(reply, 3);
    set_reply_serial(reply, 12);
    const auto header = header_of(reply);
    EXPECT_EQ(header.type, MessageType::MethodReturn);
    EXPECT_EQ(header.reply_serial, 12U);
    EXPECT_EQ(header.serial, 3U);
    EXPECT_EQ(header.destination, ":1.5");
    EXPECT_EQ(size_of_message(reply), reply.size());
}

TEST(MakeSignal, GoesToWhoeverSubscribed) {
    const auto signal = make_signal("org.example.Interface", "Changed");
    const auto header = header_of(signal);
    EXPECT_EQ(header.type, MessageType::Signal);
    EXPECT_EQ(header.member, "Changed");
    EXPECT_EQ(header.destination, "");
    EXPECT_EQ(size_of_message(signal), signal.size());
}

TEST(HeaderOf, RefusesWhatIsNoHeader) {
    EXPECT_THROW((void)header_of(Bytes(32)), std::runtime_error);
}

}  // namespace
}  // namespace buzon::load
