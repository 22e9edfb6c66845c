// SPDX-License-Identifier: Apache-2.0
// Bounds of the queues of those who own certain names, on a whole broker.
#include "broker/queue_bounds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/support/test_broker.h"

namespace buzon::broker {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::Contains;
using testing::HasSubstr;
using tests::RawClient;
using tests::TestBroker;

constexpr std::uint64_t kUsual = 400'000;

class QueueBounds : public testing::Test {
protected:
    void request(RawClient& client, std::string_view name) {
        client.call("RequestName", "su", name);
    }
    [[nodiscard]] PortLimits limits_of(const RawClient& client) const {
        return bus_.state().peers.find(client.name())->port().limits();
    }
    [[nodiscard]] std::uint64_t bound_of(const RawClient& client) const {
        return limits_of(client).bytes;
    }
    void reload(std::string_view own) {
        bus_.broker().reload();
        bus_.source().answer(TestBroker::load("", tests::kAllowAll, own));
        bus_.settle();
    }

    TestBroker bus_{
        "<limit name='max_outgoing_bytes'>400000</limit>"
        "<limit name='max_replies_per_connection'>100000</limit>",
        tests::kAllowAll, R"(
        <limits destination='a.Small'>
          <limit name='max_outgoing_bytes'>100000</limit><limit name='stuck_timeout'>5000</limit>
        </limits>
        <limits destination='a.Large'><limit name='max_outgoing_bytes'>900000</limit></limits>
        <limits destination='a.Fds'><limit name='max_outgoing_unix_fds'>7</limit></limits>)"};
    RawClient mail_ = RawClient::on(bus_);
};

TEST_F(QueueBounds, AreThoseOfTheNameWhileItIsOwned) {
    EXPECT_EQ(bound_of(mail_), kUsual);
    request(mail_, "a.Small");
    EXPECT_EQ(bound_of(mail_), 100'000U);
    EXPECT_EQ(limits_of(mail_).stuck_timeout, 5s);
    mail_.call("ReleaseName", "s", "a.Small");
    EXPECT_EQ(bound_of(mail_), kUsual);
    EXPECT_EQ(limits_of(mail_).stuck_timeout, 20s);
}

TEST_F(QueueBounds, AreTheLargestOfItsNames) {
    request(mail_, "a.Small");
    request(mail_, "a.Large");
    EXPECT_EQ(bound_of(mail_), 900'000U);
    EXPECT_EQ(limits_of(mail_).stuck_timeout, 5s) << "a.Large says nothing about that";
    request(mail_, "a.Fds");
    request(mail_, "a.Other");
    EXPECT_EQ(bound_of(mail_), 900'000U);
    EXPECT_EQ(limits_of(mail_).descriptors, 7U);
    mail_.call("ReleaseName", "s", "a.Large");
    EXPECT_EQ(bound_of(mail_), 100'000U);
}

TEST_F(QueueBounds, AreFoundAmongManyNamesToo) {
    for (int i = 0; i < 10; ++i)
        request(mail_, "a.Other" + std::to_string(i));
    request(mail_, "a.Small");
    EXPECT_EQ(bound_of(mail_), 100'000U);
}

TEST_F(QueueBounds, AreOfTheFirstOwnerNotOfThoseWhoWaitForTheName) {
    auto next = RawClient::on(bus_);
    request(mail_, "a.Small");
    request(next, "a.Small");
    EXPECT_EQ(bound_of(next), kUsual);
    mail_.close();
    bus_.settle();
    EXPECT_EQ(bound_of(next), 100'000U);
}

TEST_F(QueueBounds, FollowAReload) {
    request(mail_, "a.Small");
    auto other = RawClient::on(bus_);
    request(other, "a.New");
    reload("<limits destination='a.New'><limit name='max_outgoing_bytes'>5000</limit></limits>");
    EXPECT_EQ(bound_of(mail_), policy::Limits{}.max_outgoing_bytes);
    EXPECT_EQ(bound_of(other), 5000U);
    auto late = RawClient::on(bus_);
    EXPECT_EQ(bound_of(late), policy::Limits{}.max_outgoing_bytes);
}

TEST_F(QueueBounds, RefuseCallsAndEndTheStuckEarlier) {
    request(mail_, "a.Small");
    auto usual = RawClient::on(bus_);
    auto sender = RawClient::on(bus_);
    // What the sockets hold is the same for both.
    const auto refused = [&](const RawClient& receiver) {
        std::size_t errors = 0;
        for (int i = 0; i < 1500; ++i) {
            sender.call_peer(receiver.name(), std::string(2000, 'x'));
            for (const auto& error : sender.take_all()) {
                EXPECT_THAT(error.text(), HasSubstr("queue"));
                ++errors;
            }
        }
        return errors;
    };
    const auto by_mail = refused(mail_);
    const auto by_usual = refused(usual);
    EXPECT_GT(by_usual, 0U);
    EXPECT_GT(by_mail, by_usual + 50);
    EXPECT_LE(bus_.state().peers.find(mail_.name())->port().queued_bytes(), 100'000U);

    auto other = RawClient::on(bus_);
    for (int i = 0; i < 400; ++i) {
        const auto bytes = other.make({.type = bus::MessageType::MethodCall,
                                       .flags = bus::kFlagNoReplyExpected,
                                       .path = "/",
                                       .interface = "a.b",
                                       .member = "M",
                                       .destination = mail_.name(),
                                       .signature = "s"},
                                      std::string(2000, 'x'));
        if (other.send(bytes) < bytes.size()) break;
        bus_.settle();
    }
    bus_.advance(5s);
    bus_.advance(1s);
    EXPECT_EQ(bus_.state().peers.find(mail_.name()), nullptr);
    EXPECT_NE(bus_.state().peers.find(usual.name()), nullptr);
    EXPECT_THAT(bus_.log_lines(), Contains(HasSubstr("stuck_timeout=5000ms")));
}

}  // namespace
}  // namespace buzon::broker
