// SPDX-License-Identifier: Apache-2.0
// That charges are what is held, and that it is found out where they are not. Every TestBroker is
// audited at each turn; here is what the audit sees.
#include "broker/audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/test_broker.h"

namespace buzon::broker {
namespace {

using testing::HasSubstr;
using tests::RawClient;
using tests::TestBroker;

class AuditTest : public testing::Test {
protected:
    [[nodiscard]] std::string wrong() { return audit(bus_.broker().audited()).wrong; }
    [[nodiscard]] Peer& peer() { return *bus_.state().peers.find(client_.name()); }

    TestBroker bus_;
    RawClient client_ = RawClient::on(bus_);
};

TEST_F(AuditTest, FindsNothingWrongWithABusThatHoldsSomethingOfEverything) {
    auto other = RawClient::on(bus_);
    RawClient stranger(bus_);
    client_.call("AddMatch", "s", "type='signal'");
    client_.call("AddMatch", "s", "type='signal'");
    other.call("RequestName", "su", "a.b");
    client_.call("RequestName", "su", "a.b");
    client_.call_peer(other.name());
    for (int i = 0; i < 2000; ++i) {
        other.call_peer(client_.name(), std::string(2000, 'x'), bus::kFlagNoReplyExpected);
        bus_.settle();
        if (peer().port().queued_messages() > 10) break;
    }
    EXPECT_GT(peer().port().queued_bytes(), 20'000U);
    const auto begun = client_.make({.type = bus::MessageType::Signal,
                                     .path = "/",
                                     .interface = "a.b",
                                     .member = "M",
                                     .signature = "s"},
                                    std::string(100'000, 'x'));
    client_.send(std::span(begun).first(20'000));
    bus_.settle();
    EXPECT_GT(peer().unfinished_bytes(), 100'000U);
    EXPECT_EQ(wrong(), "");

    other.close();
    bus_.settle();
    EXPECT_EQ(wrong(), "") << "what it has left belongs to the estate of its program";
}

TEST_F(AuditTest, FindsARuleThatIsChargedAndNotThere) {
    ASSERT_FALSE(peer().holdings().cover(Resource::MatchRules, 3));
    EXPECT_THAT(wrong(), HasSubstr(", connection: match rules: 3 charged, 0 held"));
}

TEST_F(AuditTest, FindsANameThatIsThereAndNotCharged) {
    client_.call("RequestName", "su", "a.b");
    peer().holdings().lower(Resource::Names, 0);
    EXPECT_THAT(wrong(), HasSubstr(", connection: names: 0 charged, 1 held"));
}

TEST_F(AuditTest, FindsRepliesThatAreAwaitedAndNotCharged) {
    for (int i = 0; i < 17; ++i)
        client_.call_peer(client_.name());
    bus_.settle();
    peer().holdings().lower(Resource::PendingReplies, 0);
    EXPECT_THAT(wrong(), HasSubstr("awaits 17 replies, charged are 0"));
}

TEST_F(AuditTest, FindsRepliesThatAreChargedAndNotAwaitedAnyMore) {
    ASSERT_FALSE(peer().holdings().cover(Resource::PendingReplies, 16));
    EXPECT_EQ(wrong(), "") << "some are charged in advance";
    ASSERT_FALSE(peer().holdings().cover(Resource::PendingReplies, 17));
    EXPECT_THAT(wrong(), HasSubstr("awaits 0 replies, charged are 32"));
    peer().holdings().lower(Resource::PendingReplies, 0);
}

TEST_F(AuditTest, FindsNothingWrongWhenManyRepliesHaveCome) {
    constexpr std::uint32_t kCalls = 100;
    std::vector<std::uint32_t> serials;
    for (std::uint32_t i = 0; i < kCalls; ++i) {
        serials.push_back(client_.call_peer(client_.name()));
        client_.take_all();
    }
    EXPECT_GE(peer().holdings().charged(Resource::PendingReplies), kCalls);
    for (const std::uint32_t serial : serials) {
        client_.send_message({.type = bus::MessageType::MethodReturn,
                              .reply_serial = serial,
                              .destination = client_.name()});
        client_.take_all();
    }
    EXPECT_EQ(bus_.state().replies.size(), 0U);
    EXPECT_LT(peer().holdings().charged(Resource::PendingReplies), Holdings::kMostRepliesAhead);
}

TEST_F(AuditTest, FindsBytesThatNoQueueHolds) {
    peer().in_flight()->add(100, 2);
    EXPECT_THAT(wrong(), HasSubstr(", connection: bytes: 100 charged, 0 held"));
    peer().in_flight()->take_back(1, 100, 0);
    EXPECT_THAT(wrong(), HasSubstr(", connection: descriptors: 2 charged, 0 held"));
    peer().in_flight()->take_back(0, 0, 2);
    EXPECT_EQ(wrong(), "");
}

TEST_F(AuditTest, StopsTheProcessAtTheEndOfTheTurnAndSaysWhatIsWrong) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    ASSERT_FALSE(peer().holdings().cover(Resource::MatchRules, 3));
    EXPECT_DEATH(bus_.turn(), "not what is held: .*match rules: 3 charged, 0 held");
    peer().holdings().lower(Resource::MatchRules, 0);
    bus_.turn();
}

}  // namespace
}  // namespace buzon::broker
