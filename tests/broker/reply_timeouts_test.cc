// SPDX-License-Identifier: Apache-2.0
#include "broker/reply_timeouts.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "tests/support/test_broker.h"

namespace buzon::broker {
namespace {

using std::chrono_literals::operator""ms;
using tests::RawClient;
using tests::TestBroker;

class ReplyTimeoutsTest : public testing::Test {
protected:
    static constexpr std::size_t kCalls = 2 * ReplyTimeouts::kAtOnce + 10;

    void SetUp() override {
        for (std::size_t i = 0; i < kCalls; ++i) {
            serials_.push_back(caller_.call_peer(callee_.name()));
            bus_.settle();
            callee_.read_available();
        }
        ASSERT_EQ(awaited(), kCalls);
    }
    [[nodiscard]] std::size_t awaited() const { return bus_.state().replies.size(); }

    TestBroker bus_{
        "<limit name='reply_timeout'>500</limit>"
        "<limit name='max_replies_per_connection'>1000</limit>"};
    RawClient caller_ = RawClient::on(bus_);
    RawClient callee_ = RawClient::on(bus_);
    std::vector<std::uint32_t> serials_;
};

TEST_F(ReplyTimeoutsTest, ManyAtOnceAreAnsweredOverSeveralTurnsInTheirOrder) {
    bus_.pass(500ms);
    for (std::size_t before = awaited(); before > 0; before = awaited()) {
        bus_.turn();
        EXPECT_EQ(awaited(), before - std::min(before, ReplyTimeouts::kAtOnce));
    }
    EXPECT_LT(bus_.state().accounts.bus().held(Resource::PendingReplies),
              Holdings::kMostRepliesAhead);
    std::vector<std::uint32_t> answered;
    for (const auto& reply : caller_.take_all()) {
        EXPECT_EQ(reply.error_name, bus::error_name::kNoReply);
        answered.push_back(reply.reply_serial);
    }
    EXPECT_EQ(answered, serials_);
}

TEST_F(ReplyTimeoutsTest, AReplyThatComesBetweenThemIsOne) {
    bus_.pass(500ms);
    bus_.turn();
    callee_.send_message({.type = bus::MessageType::MethodReturn,
                          .reply_serial = serials_.back(),
                          .destination = caller_.name()});
    std::size_t errors = 0;
    for (const auto& reply : caller_.take_all()) {
        if (reply.type == bus::MessageType::Error) ++errors;
        if (reply.reply_serial == serials_.back()) {
            EXPECT_EQ(reply.type, bus::MessageType::MethodReturn);
        }
    }
    EXPECT_EQ(errors, kCalls - 1);
}

TEST_F(ReplyTimeoutsTest, ACallMadeMeanwhileHasItsOwnTime) {
    bus_.pass(500ms);
    bus_.turn();
    const auto late = caller_.call_peer(callee_.name());
    caller_.take_all();
    EXPECT_EQ(awaited(), 1U);
    bus_.advance(499ms);
    EXPECT_TRUE(caller_.take_all().empty());
    bus_.advance(1ms);
    EXPECT_EQ(caller_.next_reply().reply_serial, late);
}

TEST_F(ReplyTimeoutsTest, NobodyAnswersOneWhoHasLeftMeanwhile) {
    bus_.pass(500ms);
    bus_.turn();
    caller_.close();
    bus_.settle();
    EXPECT_EQ(awaited(), 0U);
}

}  // namespace
}  // namespace buzon::broker
