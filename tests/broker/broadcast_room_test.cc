// SPDX-License-Identifier: Apache-2.0
// Broadcasts for which some subscribers, or the bus, have no room: broker/admission.h and
// broker/quota/receiver_fault.h, on a whole broker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "tests/broker/flood_fixture.h"

namespace buzon::broker {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::Contains;
using testing::HasSubstr;
using tests::RawClient;
using tests::TestBroker;

TEST_F(Flood, NoSlowSubscriberThrottlesABroadcaster) {
    // All are one program here, so whether most keep up is one vote; that of those who do.
    auto slow = subscriber();
    auto quick = subscriber();
    int received = 0;
    for (int i = 0; i < 200; ++i) {
        EXPECT_EQ(broadcast(sender_, 20), 20);
        received += static_cast<int>(quick.take_all().size());
    }
    EXPECT_EQ(received, 200 * 20);
    EXPECT_FALSE(is_on_the_bus(slow));
    EXPECT_THAT(bus_.log_lines(), Contains(HasSubstr("does not keep up")));
}

/// Watchers of names who read nothing and have no room left.
TEST_F(Flood, ManyWhoAreEndedAtOnceAreEndedOneByOne) {
    TestBroker small(
        "<limit name='max_outgoing_bytes'>2000</limit>"
        "<limit name='max_connections_per_user'>1000</limit>");
    constexpr int kWatchers = 120;
    constexpr int kLeavers = 6;
    std::vector<RawClient> leavers;
    for (int i = 0; i < kLeavers; ++i)
        leavers.push_back(RawClient::on(small));
    std::vector<RawClient> watchers;
    for (int i = 0; i < kWatchers; ++i)
        watchers.push_back(RawClient::on(small));
    for (RawClient& each : watchers)
        each.call("AddMatch", "s", "member='NameOwnerChanged'");
    for (RawClient& each : watchers)
        while (small.state().peers.find(each.name())->port().queued_bytes() <= 4000 &&
               each.send(each.make({.type = bus::MessageType::MethodCall,
                                    .path = bus::kDriverPath,
                                    .interface = "org.freedesktop.DBus.Introspectable",
                                    .member = "Introspect",
                                    .destination = bus::kDriverName})) > 0)
            small.settle();
    small.advance(25s);
    ASSERT_EQ(small.state().peers.complete_count(), static_cast<std::size_t>(kWatchers) + kLeavers);
    // There is room for some short messages in any case.
    for (RawClient& each : leavers)
        each.close();
    const auto left = [&] { return small.state().peers.complete_count(); };
    std::size_t most_in_a_turn = 0;
    for (int turn = 0; turn < 10'000 && left() > 0; ++turn) {
        const std::size_t before = left();
        if (!small.turn() && !small.loop().has_tasks()) break;
        most_in_a_turn = std::max(most_in_a_turn, before - left());
    }
    EXPECT_LT(left(), static_cast<std::size_t>(kWatchers) / 10) << "none has room";
    EXPECT_LT(most_in_a_turn, 64U);
}

TEST_F(Flood, ABroadcasterIsThrottledWhereNobodyKeepsUp) {
    auto first = subscriber(), second = subscriber();
    EXPECT_LT(broadcast(sender_, kEnoughToFillSockets), kEnoughToFillSockets);
    EXPECT_TRUE(is_on_the_bus(first));
    EXPECT_TRUE(is_on_the_bus(second));
    EXPECT_LE(queued_for(first), kBound);
}

/// A broadcaster that may have less on the bus than a queue takes.
class FloodOfSmallBus : public Flood {
protected:
    FloodOfSmallBus() {
        for (RawClient* const client : {&paused_, &quick_}) {
            client->call("AddMatch", "s", "interface='a.b'");
            client->take_all();
        }
    }
    /// Signals until the broadcaster is not read. Returns how many went out.
    int signals_until_held() {
        int sent = 0;
        for (; sent < 4000 && small_.broker().throttle().size() == 0; ++sent) {
            broadcaster_.emit(std::string(2000, 'x'));
            heard_ += quick_.take_all().size();
        }
        return sent;
    }
    [[nodiscard]] bool is_there(const RawClient& client) const {
        return small_.state().peers.find(client.name()) != nullptr;
    }

    TestBroker small_{
        "<limit name='max_outgoing_bytes'>4000000</limit>"
        "<limit name='max_message_size'>100000</limit>",
        tests::kAllowAll, "<limit name='max_bus_bytes'>6000000</limit>"};
    RawClient paused_ = RawClient::on(small_);
    RawClient quick_ = RawClient::on(small_);
    RawClient broadcaster_ = RawClient::on(small_);
    std::size_t heard_ = 0;
};

TEST_F(FloodOfSmallBus, WaitsForASubscriberThatHasOnlyJustPaused) {
    const int sent = signals_until_held();
    ASSERT_EQ(small_.broker().throttle().size(), 1U);
    EXPECT_LT(small_.state().peers.find(paused_.name())->port().queued_bytes(), 4'000'000U);
    small_.advance(500ms);
    EXPECT_TRUE(is_there(paused_));
    EXPECT_EQ(small_.broker().throttle().size(), 1U);

    std::size_t heard = 0;
    for (std::size_t part = 1; part > 0; heard += part)
        part = paused_.take_all().size();
    heard_ += quick_.take_all().size();
    EXPECT_EQ(heard, static_cast<std::size_t>(sent));
    EXPECT_EQ(heard_, static_cast<std::size_t>(sent));
    EXPECT_EQ(small_.broker().throttle().size(), 0U);
}

TEST_F(FloodOfSmallBus, EndsASubscriberThatStaysBehindAndGoesOn) {
    const int sent = signals_until_held();
    ASSERT_EQ(small_.broker().throttle().size(), 1U);
    for (int second = 0; second < 3; ++second)
        small_.advance(1s);
    EXPECT_FALSE(is_there(paused_));
    heard_ += quick_.take_all().size();
    EXPECT_EQ(heard_, static_cast<std::size_t>(sent));
    EXPECT_EQ(small_.broker().throttle().size(), 0U);
    EXPECT_EQ(small_.broker().throttle().counts().throttled, 1U) << "asked again is no new stop";
}

TEST_F(FloodOfSmallBus, LookingThroughTheQueuesOfThoseWhoStayBehindIsOnTheTimeOfTheSender) {
    constexpr std::size_t kCostPerPiece = 16;
    // Short signals of two by turns, so that each is a piece of its own.
    RawClient other = RawClient::on(small_);
    for (int i = 0; i < 3000 && small_.broker().throttle().size() == 0; ++i) {
        (i % 2 == 0 ? other : broadcaster_).emit("short");
        quick_.take_all();
    }
    signals_until_held();
    ASSERT_EQ(small_.broker().throttle().size(), 1U);
    const std::size_t pieces = small_.state().peers.find(paused_.name())->port().piece_count();
    ASSERT_GT(pieces, 1000U);
    const std::uint64_t before = small_.broker().work();
    for (int second = 0; second < 3; ++second)
        small_.advance(1s);
    EXPECT_FALSE(is_there(paused_));
    EXPECT_GE(small_.broker().work() - before, pieces * kCostPerPiece);
}

TEST_F(FloodOfSmallBus, LastBroadcastsOfThoseWhoHangUpWaitForRoomOnTheBus) {
    for (int i = 0; i < 100; ++i) {
        auto leaver = RawClient::on(small_);
        for (std::size_t sent = 1; sent > 0;) {
            const auto bytes = leaver.make({.type = bus::MessageType::Signal,
                                            .path = "/",
                                            .interface = "a.b",
                                            .member = "M",
                                            .signature = "s"},
                                           std::string(2000, 'x'));
            sent = leaver.send(bytes) == bytes.size() ? 1 : 0;
        }
        leaver.close();
        small_.settle();
    }
    EXPECT_GT(small_.state().accounts.bus().held(Resource::Bytes), 1'000'000U);
    EXPECT_LE(small_.state().accounts.bus().held(Resource::Bytes), 6'000'000U);
}

TEST_F(FloodOfSmallBus, EndsThoseWhoHaveLittleEachAndReadNothing) {
    paused_.close();
    std::vector<RawClient> silent;
    for (int i = 0; i < 8; ++i) {
        silent.push_back(RawClient::on(small_));
        silent.back().call("AddMatch", "s", "interface='a.b'");
        silent.back().take_all();
    }
    signals_until_held();
    ASSERT_EQ(small_.broker().throttle().size(), 1U);
    for (const RawClient& each : silent)
        EXPECT_LT(small_.state().peers.find(each.name())->port().queued_bytes(), 4'000'000U / 8);
    for (int second = 0; second < 4; ++second)
        small_.advance(1s);
    EXPECT_EQ(small_.broker().throttle().size(), 0U) << "the broadcaster goes on";
    EXPECT_TRUE(is_there(quick_));
    EXPECT_LT(std::count_if(silent.begin(), silent.end(),
                            [this](const RawClient& each) { return is_there(each); }),
              8);
}

TEST_F(FloodOfSmallBus, DoesNotEndWhoHasPausedForWhatAnotherDoesNotRead) {
    RawClient deaf = RawClient::on(small_);
    for (int i = 0; i < 300; ++i) {
        broadcaster_.emit(std::string(2000, 'x'));
        heard_ += quick_.take_all().size();
    }
    ASSERT_GT(small_.state().peers.find(paused_.name())->port().queued_bytes(), 0U);
    for (int i = 0; i < 4000 && small_.broker().throttle().size() == 0; ++i) {
        broadcaster_.call_peer(deaf.name(), std::string(2000, 'x'), bus::kFlagNoReplyExpected);
        small_.settle();
    }
    signals_until_held();
    ASSERT_EQ(small_.broker().throttle().size(), 1U);
    for (int second = 0; second < 4; ++second)
        small_.advance(1s);
    EXPECT_TRUE(is_there(paused_)) << "others have what the broadcaster may have";
    for (int second = 0; second < 20; ++second)
        small_.advance(1s);
    EXPECT_FALSE(is_there(deaf));
}

TEST_F(FloodOfSmallBus, WaitsForOneWhoReadsAllTheTime) {
    std::array<std::byte, 100'000> some{};
    for (int i = 0; i < 400; ++i) {
        signals_until_held();
        (void)!::read(paused_.socket(), some.data(), some.size());
        small_.advance(20ms);
    }
    EXPECT_GT(small_.broker().throttle().counts().throttled, 10U);
    EXPECT_TRUE(is_there(paused_)) << "it reads 5 MB a second";
}

TEST_F(FloodOfSmallBus, AReplyReachesOneWhoReadsThoughOthersDoNot) {
    const auto serial = broadcaster_.call_peer(quick_.name());
    quick_.take_all();
    signals_until_held();
    ASSERT_EQ(small_.broker().throttle().size(), 1U);
    const std::string text(20'000, 'x');
    quick_.send_message({.type = bus::MessageType::MethodReturn,
                         .reply_serial = serial,
                         .destination = broadcaster_.name(),
                         .signature = "s"},
                        text);
    EXPECT_EQ(broadcaster_.next_reply().text(), text);
}

/// Callers who do not read long answers of the driver.
TEST_F(FloodOfSmallBus, AnswersThatNobodyReadsDoNotAddUp) {
    for (int i = 0; i < 100; ++i) {
        quick_.call("RequestName", "su", fmt::format("a.b.N{}{:n>200}", i, ""));
        quick_.take_all();
    }
    std::vector<RawClient> deaf;
    for (int i = 0; i < 30; ++i) {
        deaf.push_back(RawClient::on(small_));
        for (int call = 0; call < 200; ++call)
            deaf.back().send_call("ListNames");
        small_.settle();
    }
    const auto held = [this] { return small_.state().accounts.bus().held(Resource::Bytes); };
    const auto before = held();
    EXPECT_GT(before, 1'000'000U);
    for (int second = 0; second < 60; ++second)
        small_.advance(1s);
    EXPECT_LE(held(), before + 30 * 1000U);
    EXPECT_LE(held(), 6'000'000U);
}

}  // namespace
}  // namespace buzon::broker
