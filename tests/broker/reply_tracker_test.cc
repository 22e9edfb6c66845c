// SPDX-License-Identifier: Apache-2.0
#include "broker/reply_tracker.h"

#include <chrono>
#include <deque>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace buzon::broker {
namespace {

using namespace std::chrono_literals;
using TimePoint = ReplyTracker::TimePoint;

constexpr PeerId kAnn{1}, kBob{2}, kCat{3};
constexpr bus::HashSeed kSeed{11, 13};

class Replies : public testing::Test {
protected:
    bool expect(PeerId caller, PeerId callee, std::uint32_t serial) {
        return replies.expect({caller, callee, serial}, now).has_value();
    }
    std::vector<AwaitedReply> forget_callee(PeerId callee) {
        std::vector<AwaitedReply> ended;
        replies.forget_callee(callee, [&](const AwaitedReply& reply) { ended.push_back(reply); });
        return ended;
    }
    std::vector<AwaitedReply> expire() {
        std::vector<AwaitedReply> ended;
        replies.expire(now, 1000, [&](const AwaitedReply& reply) { ended.push_back(reply); });
        return ended;
    }

    TimePoint now{1h};
    ReplyTracker replies{kSeed};
};

using Expect = Replies;
using Take = Replies;
using ForgetCallee = Replies;
using ForgetCaller = Replies;
using Expire = Replies;

TEST_F(Take, ConsumesOneReplyForEachCall) {
    ASSERT_TRUE(expect(kAnn, kBob, 7));
    EXPECT_TRUE(replies.is_awaited({kAnn, kBob, 7}));
    EXPECT_EQ(replies.take({kAnn, kBob, 7}), 0U);
    EXPECT_EQ(replies.take({kAnn, kBob, 7}), std::nullopt);
    EXPECT_FALSE(replies.is_awaited({kAnn, kBob, 7}));
    EXPECT_EQ(replies.size(), 0U);
}

TEST_F(Take, NeedsTheRightPeersAndSerial) {
    ASSERT_TRUE(expect(kAnn, kBob, 7));
    EXPECT_FALSE(replies.take({kBob, kAnn, 7}));
    EXPECT_FALSE(replies.take({kAnn, kCat, 7}));
    EXPECT_FALSE(replies.take({kAnn, kBob, 8}));
    EXPECT_TRUE(replies.take({kAnn, kBob, 7}));
}

TEST_F(Take, WorksForCallsToOneself) {
    ASSERT_TRUE(expect(kAnn, kAnn, 7));
    EXPECT_TRUE(replies.take({kAnn, kAnn, 7}));
    ASSERT_TRUE(expect(kAnn, kAnn, 8));
    EXPECT_EQ(forget_callee(kAnn).size(), 1U);
    replies.forget_caller(kAnn);
    EXPECT_EQ(replies.size(), 0U);
}

TEST_F(Expect, RefusesASerialThatIsStillAwaitedFromTheSameCallee) {
    ASSERT_TRUE(expect(kAnn, kBob, 7));
    EXPECT_EQ(replies.expect({kAnn, kBob, 7}, now).error(), ExpectError::Duplicate);
    EXPECT_TRUE(expect(kAnn, kCat, 7));
    EXPECT_TRUE(expect(kCat, kBob, 7));
    ASSERT_TRUE(replies.take({kAnn, kBob, 7}));
    EXPECT_TRUE(expect(kAnn, kBob, 7));
}

TEST_F(Expect, RefusesACallerAtItsLimit) {
    replies.set_limits({.max_replies_per_caller = 2, .timeout = {}});
    ASSERT_TRUE(expect(kAnn, kBob, 1));
    ASSERT_TRUE(expect(kAnn, kCat, 2));
    EXPECT_EQ(replies.expect({kAnn, kBob, 3}, now).error(), ExpectError::LimitExceeded);
    // As dbus-daemon: the duplicate is what is told.
    EXPECT_EQ(replies.expect({kAnn, kBob, 1}, now).error(), ExpectError::Duplicate);
    EXPECT_EQ(replies.count_of_caller(kAnn), 2U);
    EXPECT_TRUE(expect(kBob, kAnn, 3));
    ASSERT_TRUE(replies.take({kAnn, kCat, 2}));
    EXPECT_TRUE(expect(kAnn, kBob, 3));
}

TEST_F(ForgetCallee, NamesTheWaitingCallersInOrder) {
    ASSERT_TRUE(expect(kCat, kBob, 5));
    ASSERT_TRUE(expect(kAnn, kBob, 9));
    ASSERT_TRUE(expect(kAnn, kCat, 2));
    ASSERT_TRUE(expect(kCat, kBob, 4));
    ASSERT_TRUE(replies.take({kAnn, kBob, 9}));
    const std::vector<AwaitedReply> expected = {{kCat, kBob, 5}, {kCat, kBob, 4}};
    EXPECT_EQ(forget_callee(kBob), expected);
    EXPECT_EQ(replies.size(), 1U);
    EXPECT_EQ(replies.count_of_caller(kCat), 0U);
}

TEST_F(ForgetCallee, LetsTheVisitorForgetPeersToo) {
    ASSERT_TRUE(expect(kAnn, kBob, 1));
    ASSERT_TRUE(expect(kAnn, kBob, 2));
    ASSERT_TRUE(expect(kCat, kBob, 3));
    std::vector<AwaitedReply> ended;
    replies.forget_callee(kBob, [&](const AwaitedReply& reply) {
        ended.push_back(reply);
        replies.forget_caller(kAnn);
    });
    EXPECT_EQ(ended, (std::vector<AwaitedReply>{{kAnn, kBob, 1}, {kCat, kBob, 3}}));
}

TEST_F(ForgetCaller, GoesOnWhereItHasStopped) {
    for (std::uint32_t serial = 1; serial <= 5; ++serial)
        ASSERT_TRUE(expect(kAnn, kBob, serial));
    EXPECT_FALSE(replies.forget_caller(kAnn, 2));
    EXPECT_EQ(replies.count_of_caller(kAnn), 3U);
    EXPECT_TRUE(replies.forget_caller(kAnn, 3));
    EXPECT_EQ(replies.size(), 0U);
    EXPECT_TRUE(replies.forget_caller(kAnn, 1));
}

TEST_F(ForgetCaller, WithdrawsItsCallsAndNoOthers) {
    ASSERT_TRUE(expect(kAnn, kBob, 1));
    ASSERT_TRUE(expect(kBob, kAnn, 1));
    replies.forget_caller(kAnn);
    EXPECT_FALSE(replies.is_awaited({kAnn, kBob, 1}));
    EXPECT_TRUE(replies.is_awaited({kBob, kAnn, 1}));
    EXPECT_EQ(forget_callee(kAnn).size(), 1U);
}

TEST_F(Expire, NeverWithoutATimeout) {
    ASSERT_TRUE(expect(kAnn, kBob, 1));
    EXPECT_EQ(replies.next_deadline(), std::nullopt);
    now += 1000h;
    EXPECT_TRUE(expire().empty());
}

TEST_F(Expire, EndsTheOldestCallsFirst) {
    replies.set_limits({.max_replies_per_caller = 9, .timeout = 100ms});
    EXPECT_EQ(replies.next_deadline(), std::nullopt);
    const TimePoint start = now;
    ASSERT_TRUE(expect(kAnn, kBob, 1));
    now += 40ms;
    ASSERT_TRUE(expect(kCat, kBob, 2));
    now += 40ms;
    ASSERT_TRUE(expect(kAnn, kCat, 3));
    EXPECT_EQ(replies.next_deadline(), start + 100ms);
    now = start + 99ms;
    EXPECT_TRUE(expire().empty());
    now = start + 140ms;
    EXPECT_EQ(expire(), (std::vector<AwaitedReply>{{kAnn, kBob, 1}, {kCat, kBob, 2}}));
    EXPECT_EQ(replies.next_deadline(), start + 180ms);
    EXPECT_FALSE(replies.take({kAnn, kBob, 1}));
}

TEST_F(Expire, EndsNoMoreThanIsAskedFor) {
    replies.set_limits({.max_replies_per_caller = 9, .timeout = 100ms});
    for (std::uint32_t serial = 1; serial <= 3; ++serial)
        ASSERT_TRUE(expect(kAnn, kBob, serial));
    const auto ignore = [](const AwaitedReply&) {};
    EXPECT_TRUE(replies.expire(now + 99ms, 2, ignore)) << "none is over its time";
    EXPECT_FALSE(replies.expire(now + 100ms, 2, ignore));
    EXPECT_EQ(replies.size(), 1U);
    EXPECT_TRUE(replies.expire(now + 100ms, 1, ignore));
    EXPECT_EQ(replies.size(), 0U);
}

TEST_F(Expire, CountsANewTimeoutFromTheStartOfTheCall) {
    const TimePoint start = now;
    ASSERT_TRUE(expect(kAnn, kBob, 1));
    now += 50ms;
    replies.set_limits({.max_replies_per_caller = 9, .timeout = 20ms});
    EXPECT_EQ(replies.next_deadline(), start + 20ms);
    EXPECT_EQ(expire().size(), 1U);
}

TEST_F(Replies, AgreeWithAPlainListOverRandomHistories) {
    std::mt19937 random(3);
    std::deque<AwaitedReply> model;
    const auto erase_if = [&](auto&& is_gone) {
        std::vector<AwaitedReply> gone;
        for (const AwaitedReply& reply : model) {
            if (is_gone(reply)) gone.push_back(reply);
        }
        std::erase_if(model, is_gone);
        return gone;
    };
    for (int step = 0; step < 50'000; ++step) {
        const AwaitedReply reply{PeerId{random() % 8}, PeerId{random() % 8},
                                 static_cast<std::uint32_t>(random() % 8)};
        const bool awaited = std::find(model.begin(), model.end(), reply) != model.end();
        switch (random() % 50) {
            case 0:
                replies.forget_caller(reply.caller);
                erase_if([&](const AwaitedReply& each) { return each.caller == reply.caller; });
                break;
            case 1:
                ASSERT_EQ(forget_callee(reply.callee), erase_if([&](const AwaitedReply& each) {
                              return each.callee == reply.callee;
                          }));
                break;
            default:
                if (random() % 2 == 0) {
                    ASSERT_EQ(replies.expect(reply, now).has_value(), !awaited);
                    if (!awaited) model.push_back(reply);
                } else {
                    ASSERT_EQ(replies.take(reply).has_value(), awaited);
                    std::erase(model, reply);
                }
        }
        ASSERT_EQ(replies.size(), model.size());
        const auto made = std::count_if(model.begin(), model.end(), [&](const AwaitedReply& each) {
            return each.caller == reply.caller;
        });
        ASSERT_EQ(replies.count_of_caller(reply.caller), static_cast<std::size_t>(made));
    }
}

}  // namespace
}  // namespace buzon::broker
