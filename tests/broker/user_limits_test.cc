// SPDX-License-Identifier: Apache-2.0
// Limits for one user, and for what all connections of a user have together, on a whole broker.
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "tests/support/test_broker.h"

namespace buzon::broker {
namespace {

using testing::HasSubstr;
using tests::RawClient;
using tests::Received;
using tests::TestBroker;

/// <limits> of a user with one limit in it.
std::string for_user(uid_t user, std::string_view name, std::uint64_t value) {
    return fmt::format("<limits user='{}'><limit name='{}'>{}</limit></limits>", user, name, value);
}
std::string for_me(std::string_view name, std::uint64_t value) {
    return for_user(::getuid(), name, value);
}

/// Calls until the driver refuses one; the number of those that it did not.
int accepted(RawClient& client,
             std::string_view member,
             std::string_view signature,
             const std::string& argument) {
    constexpr int kMost = 100;
    for (int count = 0; count < kMost; ++count) {
        client.call(member, signature, fmt::format(fmt::runtime(argument), count));
        if (client.next_reply().type == bus::MessageType::Error) return count;
    }
    return kMost;
}

TEST(UserLimits, ReplaceThoseOfEachConnectionOfThatUser) {
    const struct {
        std::string_view limit, member, signature;
        std::string argument;
        int accepted;
    } kCases[] = {
        {"max_match_rules_per_connection", "AddMatch", "s", "member='M{}'", 5},
        {"max_names_per_connection", "RequestName", "su", "a.Name{}", 4},  // and the unique one
    };
    for (const auto& [limit, member, signature, argument, count] : kCases) {
        TestBroker bus("", tests::kAllowAll, for_me(limit, 5));
        for (int i = 0; i < 2; ++i) {
            auto client = RawClient::on(bus);
            EXPECT_EQ(accepted(client, member, signature,
                               member == "RequestName" ? fmt::format("a.C{}.N{{}}", i) : argument),
                      count)
                << limit;
        }
        TestBroker other("", tests::kAllowAll, for_user(::getuid() + 1, limit, 5));
        auto client = RawClient::on(other);
        EXPECT_GT(accepted(client, member, signature, argument), count) << limit << " of another";
    }
}

TEST(UserLimits, ReplaceTheNumberOfConnections) {
    TestBroker bus("", tests::kAllowAll, for_me("max_connections_per_user", 2));
    const auto first = RawClient::on(bus);
    const auto second = RawClient::on(bus);
    RawClient third(bus);
    third.authenticate();
    third.call("Hello");
    const auto reply = third.next_reply();
    EXPECT_EQ(reply.error_name, bus::error_name::kLimitsExceeded);
    EXPECT_THAT(reply.text(), HasSubstr("max_connections_per_user=2"));
}

TEST(UserLimits, ReplaceTheNumberOfAwaitedReplies) {
    TestBroker bus("", tests::kAllowAll, for_me("max_replies_per_connection", 3));
    auto caller = RawClient::on(bus);
    const auto callee = RawClient::on(bus);
    for (int i = 0; i < 4; ++i)
        caller.call_peer(callee.name());
    const auto replies = caller.take_all();
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_THAT(replies[0].text(), HasSubstr("max_replies_per_connection=3"));
}

TEST(UserLimits, OfAllConnectionsTogetherHoldForEverybodyOrForOne) {
    for (const std::string& own : {std::string("<limit name='max_match_rules_per_user'>5</limit>"),
                                   for_me("max_match_rules_per_user", 5),
                                   "<limit name='max_match_rules_per_user'>1</limit>" +
                                       for_me("max_match_rules_per_user", 5)}) {
        TestBroker bus("", tests::kAllowAll, own);
        auto first = RawClient::on(bus);
        auto second = RawClient::on(bus);
        EXPECT_EQ(accepted(first, "AddMatch", "s", "member='M{}'"), 5) << own;
        EXPECT_EQ(accepted(second, "AddMatch", "s", "member='M{}'"), 0) << own;
        first.close();
        bus.settle();
        EXPECT_EQ(accepted(second, "AddMatch", "s", "member='M{}'"), 5) << own;
    }
}

TEST(UserLimits, FollowAReload) {
    TestBroker bus("", tests::kAllowAll, for_me("max_names_per_user", 2));
    auto client = RawClient::on(bus);
    EXPECT_EQ(accepted(client, "RequestName", "su", "a.A{}"), 2);
    bus.broker().reload();
    bus.source().answer(TestBroker::load("", tests::kAllowAll, for_me("max_names_per_user", 7)));
    EXPECT_EQ(accepted(client, "RequestName", "su", "a.B{}"), 5);
    bus.broker().reload();
    bus.source().answer(TestBroker::load("", tests::kAllowAll));
    EXPECT_EQ(accepted(client, "RequestName", "su", "a.C{}"), 100);
}

class UserBytes : public testing::Test {
protected:
    static constexpr std::size_t kMost = 200'000;

    [[nodiscard]] std::uint64_t held() const {
        return bus_.state().accounts.find(UserId{::getuid()})->held(Resource::Bytes);
    }

    TestBroker bus_{"<limit name='max_replies_per_connection'>100000</limit>", tests::kAllowAll,
                    for_me("max_bytes_per_user", kMost)};
    RawClient sender_ = RawClient::on(bus_);
    RawClient receiver_ = RawClient::on(bus_);
};

TEST_F(UserBytes, BoundWhatIsUnderWay) {
    std::vector<Received> refused;
    for (int i = 0; i < 2000; ++i) {
        sender_.call_peer(receiver_.name(), std::string(2000, 'x'));
        for (auto& reply : sender_.take_all())
            refused.push_back(std::move(reply));
    }
    EXPECT_GT(refused.size(), 0U);
    EXPECT_LE(held(), kMost);
    EXPECT_GT(held(), kMost / 2);
}

TEST_F(UserBytes, EndWhoSendsAMessageThatCouldNeverPass) {
    const auto send = [&](std::size_t size) {
        auto bytes = sender_.make({.type = bus::MessageType::MethodCall,
                                   .flags = bus::kFlagNoReplyExpected,
                                   .path = "/",
                                   .member = "M",
                                   .destination = receiver_.name(),
                                   .signature = "s"},
                                  std::string(size, 'x'));
        for (std::span<const std::byte> rest = bytes; !rest.empty(); bus_.settle()) {
            const auto sent = sender_.send(rest);
            if (sent == 0) return;
            rest = rest.subspan(sent);
        }
    };
    send(kMost - 2000);
    std::size_t received = 0;
    for (int i = 0; i < 10; ++i)
        received += receiver_.take_all().size();
    EXPECT_EQ(received, 1U) << "the longest that fits";
    send(kMost);
    EXPECT_TRUE(sender_.is_closed());
}

}  // namespace
}  // namespace buzon::broker
