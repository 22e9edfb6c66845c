// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/message_values.h"

#include <gtest/gtest.h>

#include "clients/ctl/value_parser.h"
#include "tests/clients/ctl/sealed_message.h"

namespace buzon::clients {
namespace {

const struct {
    std::string_view signature;
    std::vector<std::string> arguments;
} kBodies[] = {
    {"", {}},
    {"ybnqiuxtd", {"255", "yes", "-3", "4", "-5", "7", "-9", "10", "1.5"}},
    {"sog", {"\xC3\xA9", "/a", "a{sv}"}},
    {"asaa{sv}ay", {"0", "0", "0"}},
    {"ayaays", {"2", "1", "0", "2", "0", "1", "9", "end"}},
    {"a{sv}(si)v", {"2", "a", "u", "1", "b", "as", "1", "x", "p", "3", "v", "(ss)", "q", "r"}},
    {"a{u(ss)}", {"1", "7", "a", "b"}},
};

TEST(MessageValues, AreReadAsTheyWereAppended) {
    MessageFactory factory;
    for (const auto& [signature, arguments] : kBodies) {
        const auto values = parse_values(signature, arguments);
        const MessagePtr message = factory.signal(values);
        EXPECT_EQ(sd_bus_message_get_signature(message.get(), 1), signature);
        EXPECT_EQ(read_values(*message), values) << signature;
        EXPECT_EQ(read_values(*message), values) << signature << ", read again";
    }
}

TEST(MessageValues, DescriptorsAreDuplicated) {
    MessageFactory factory;
    const std::vector<Value> values{{UnixFd{1}}};
    const MessagePtr message = factory.method_call(values);
    const auto read = read_values(*message);
    ASSERT_EQ(signature_of(read), "h");
    EXPECT_GT(std::get<UnixFd>(read[0].data).number, 2);
}

TEST(MessageValues, AppendingAClosedDescriptorFailsAsBadDescriptor) {
    MessageFactory factory;
    const std::vector<Value> values{{UnixFd{9999}}};
    EXPECT_THROW((void)factory.method_call(values), sdbus::Error);
}

}  // namespace
}  // namespace buzon::clients
