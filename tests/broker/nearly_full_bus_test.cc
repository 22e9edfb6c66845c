// SPDX-License-Identifier: Apache-2.0
// What programs that have little still get where others have nearly all there is:
// broker/quota/overdraft.h and broker/admission.h, on a whole broker.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "broker/quota/overdraft.h"
#include "tests/support/other_program.h"
#include "tests/support/test_broker.h"

namespace buzon::broker {
namespace {

using tests::OtherProgram;
using tests::RawClient;
using tests::TestBroker;

constexpr std::uint64_t kCapacity = 6'000'000;
constexpr std::uint64_t kMostForOverdrafts = kCapacity - kCapacity / 8;
constexpr std::size_t kMessage = 100'000;

/// Programs that begin long messages, as many as they may have each.
class NearlyFullBus : public testing::Test {
protected:
    explicit NearlyFullBus(std::string_view limits = "") : limits_(limits) {}

    RawClient on_bus(OtherProgram& program) {
        auto [near, far] = program.connect();
        bus_.accept(std::move(near));
        return RawClient::on(bus_, std::move(far));
    }
    void fill(std::size_t bytes = kMessage) {
        for (OtherProgram& program : programs_) {
            do {
                if (hoarders_.size() > 300) std::abort();
                hoarders_.push_back(on_bus(program));
            } while (is_begun(hoarders_.back(), bytes));
        }
    }
    /// Sends the first part of a message. False: it waits for room for the rest.
    bool is_begun(RawClient& client, std::size_t bytes) {
        const auto message = client.make({.type = bus::MessageType::MethodCall,
                                          .flags = bus::kFlagNoReplyExpected,
                                          .path = "/",
                                          .interface = "a.b",
                                          .member = "M",
                                          .destination = owner_.name(),
                                          .signature = "s"},
                                         std::string(bytes, 'x'));
        EXPECT_EQ(client.send(std::span(message).first(200)), 200U);
        bus_.settle();
        const Peer* const peer = bus_.state().peers.find(client.name());
        return !bus_.broker().throttle().held_since(peer->id());
    }
    /// The last `count` of them go.
    void let_go(std::size_t count) {
        for (; count > 0; --count)
            hoarders_.pop_back();
        bus_.settle();
    }
    [[nodiscard]] std::uint64_t held() const {
        return bus_.state().accounts.bus().held(Resource::Bytes);
    }

    std::array<OtherProgram, 8> programs_;
    OtherProgram newcomer_;
    std::string limits_;
    TestBroker bus_{limits_ +
                        "<limit name='max_message_size'>400000</limit>"
                        "<limit name='max_names_per_connection'>1000</limit>"
                        "<limit name='max_replies_per_connection'>5000</limit>"
                        "<limit name='max_connections_per_user'>1000</limit>",
                    tests::kAllowAll,
                    fmt::format("<limit name='max_bus_bytes'>{}</limit>", kCapacity)};
    RawClient owner_ = RawClient::on(bus_);
    std::vector<RawClient> hoarders_;
};

TEST_F(NearlyFullBus, LetsThoseWhoHaveLittleSendALongMessageUpToSevenEighths) {
    fill();
    EXPECT_LE(held(), kMostForOverdrafts);
    EXPECT_GT(held(), kMostForOverdrafts - 2 * kMessage);
}

TEST_F(NearlyFullBus, RefusesNeitherCallsNorShortRepliesWhereTheServiceHasPaused) {
    RawClient& service = owner_;
    RawClient caller = on_bus(newcomer_);
    // What fills the caller's socket, and some more.
    for (int i = 0; i < 8; ++i) {
        service.call_peer(caller.name(), std::string(kMessage, 'x'), bus::kFlagNoReplyExpected);
        bus_.settle();
    }
    fill();
    let_go(14);
    ASSERT_LT(held() + 4 * kMessage, kMostForOverdrafts);
    std::vector<std::uint32_t> calls;
    for (int i = 0; i < 1500; ++i) {
        calls.push_back(caller.call_peer(service.name()));
        bus_.settle();
    }
    std::size_t arrived = 0;
    for (int part = 0; part < 16; ++part)
        arrived += service.take_all().size();
    EXPECT_EQ(arrived, calls.size());
    // Now there is no room for what comes before the first reserves are given back.
    constexpr std::size_t kTight = 5000;
    fill();
    fill(kTight);
    ASSERT_GT(held() + kTight + 300, kMostForOverdrafts);
    for (const std::uint32_t call : calls) {
        service.send_message({.type = bus::MessageType::MethodReturn,
                              .reply_serial = call,
                              .destination = caller.name(),
                              .signature = "s"},
                             std::string(180, 'x'));
        bus_.settle();
    }
    std::size_t answered = 0;
    for (int part = 0; part < 16; ++part) {
        for (const auto& message : caller.take_all())
            answered += message.type == bus::MessageType::MethodReturn ? 1U : 0U;
    }
    EXPECT_EQ(answered, calls.size());
    EXPECT_EQ(bus_.state().counts.refused_calls, 0U);
    EXPECT_EQ(bus_.state().counts.replaced_replies, 0U);
}

/// Its end would give back next to nothing: others have what the sender's program lacks.
TEST_F(NearlyFullBus, EndsNobodyForTheLittleThatHeHasOfAProgramThatWaits) {
    const auto send = [&](RawClient& from, const RawClient& to, std::size_t bytes) {
        from.call_peer(to.name(), std::string(bytes, 'x'), bus::kFlagNoReplyExpected);
        bus_.settle();
    };
    RawClient stopped = RawClient::on(bus_), slow = RawClient::on(bus_);
    RawClient other = on_bus(newcomer_);
    for (int i = 0; i < 4; ++i)
        send(other, stopped, kMessage);
    send(owner_, stopped, 300);
    const Throttle& throttle = bus_.broker().throttle();
    const PeerId sender = bus_.state().peers.find(owner_.name())->id();
    for (int i = 0; i < 100 && !throttle.held_since(sender); ++i)
        send(owner_, slow, kMessage);
    ASSERT_TRUE(throttle.held_since(sender));
    const auto bytes_of_owner = [&](const RawClient& client) {
        return bus_.state()
            .peers.find(client.name())
            ->port()
            .bytes_of(*bus_.state().peers.find(owner_.name())->account().account().parent());
    };
    ASSERT_GT(bytes_of_owner(stopped), 300U);
    for (int second = 0; second < 30; ++second) {
        std::array<std::byte, 9'000> some{};
        ASSERT_GT(::read(slow.socket(), some.data(), some.size()), 0);
        bus_.advance(std::chrono::seconds(1));
    }
    ASSERT_TRUE(throttle.held_since(sender)) << "it waits still";
    EXPECT_NE(bus_.state().peers.find(stopped.name()), nullptr);
}

TEST_F(NearlyFullBus, EndsWhoKeepsAProgramWaitingThoughMostOfWhatThatHasIsForReplies) {
    RawClient waiting = on_bus(newcomer_), stalled = RawClient::on(bus_);
    fill();
    let_go(16);
    for (int i = 0; i < 3400; ++i) {
        waiting.call_peer(owner_.name());
        bus_.settle();
        owner_.take_all();
    }
    const PeerId sender = bus_.state().peers.find(waiting.name())->id();
    const Throttle& throttle = bus_.broker().throttle();
    for (int i = 0; i < 40 && !throttle.held_since(sender); ++i) {
        waiting.call_peer(stalled.name(), std::string(20'000, 'x'), bus::kFlagNoReplyExpected);
        bus_.settle();
    }
    ASSERT_TRUE(throttle.held_since(sender));
    const Account& program = *bus_.state().peers.find(waiting.name())->account().account().parent();
    ASSERT_LT(bus_.state().peers.find(stalled.name())->port().bytes_of(program),
              program.held(Resource::Bytes) / 4);
    bus_.advance(std::chrono::seconds(30));
    EXPECT_EQ(bus_.state().peers.find(stalled.name()), nullptr);
    EXPECT_FALSE(throttle.held_since(sender));
}

struct NearlyFullBusWithShortQueues : NearlyFullBus {
    NearlyFullBusWithShortQueues()
        : NearlyFullBus("<limit name='max_outgoing_bytes'>400000</limit>") {}
};

/// It has no room there, and its program none but for what it may overdraw. With each message that
/// somebody takes it is asked whether there is some.
TEST_F(NearlyFullBusWithShortQueues, LetsTheLoopSleepThoughWhoHasHungUpWaits) {
    RawClient deaf = RawClient::on(bus_), leaver = on_bus(newcomer_);
    fill();
    let_go(12);
    ASSERT_GT(held(), kCapacity / 2);
    const PeerId id = bus_.state().peers.find(leaver.name())->id();
    for (int i = 0; i < 100 && !bus_.broker().throttle().held_since(id); ++i) {
        leaver.call_peer(deaf.name(), std::string(20'000, 'x'), bus::kFlagNoReplyExpected);
        bus_.settle();
    }
    ASSERT_TRUE(bus_.broker().throttle().held_since(id));
    for (int i = 0; i < 3; ++i)
        leaver.call_peer(deaf.name(), std::string(20'000, 'x'), bus::kFlagNoReplyExpected);
    leaver.close();
    bus_.settle();
    RawClient::on(bus_).call("GetId");
    EXPECT_LT(bus_.settle(), 1000);
    bus_.advance(std::chrono::seconds(30));
    bus_.advance(std::chrono::seconds(2));
    EXPECT_EQ(bus_.state().peers.find(leaver.name()), nullptr);
}

TEST_F(NearlyFullBus, HoldsNoMoreThanItMayHoweverManyHangUpWithFullSockets) {
    constexpr int kMany = 100;
    RawClient stays = on_bus(newcomer_), deaf = RawClient::on(bus_);
    for (int i = 0; i < kMany; ++i) {
        RawClient leaver = on_bus(newcomer_);
        // More than its socket takes, so that the rest comes when it has gone.
        for (int j = 0; j < 2; ++j) {
            const auto message = leaver.make({.type = bus::MessageType::MethodCall,
                                              .flags = bus::kFlagNoReplyExpected,
                                              .path = "/",
                                              .interface = "a.b",
                                              .member = "M",
                                              .destination = deaf.name(),
                                              .signature = "s"},
                                             std::string(kMessage, 'x'));
            leaver.send(message);
        }
    }
    bus_.settle();
    EXPECT_LE(held(), kCapacity);
}

TEST_F(NearlyFullBus, GivesALongReplyToOneWhoReadsOnlyWhileThereIsSomeLeftForOthers) {
    constexpr std::size_t kLong = 60'000;
    RawClient caller = on_bus(programs_[0]);
    std::vector<std::uint32_t> calls;
    for (int i = 0; i < 2; ++i)
        calls.push_back(caller.call_peer(owner_.name()));
    bus_.settle();
    owner_.take_all();
    const auto reply = [&](std::uint32_t call) {
        owner_.send_message({.type = bus::MessageType::MethodReturn,
                             .reply_serial = call,
                             .destination = caller.name(),
                             .signature = "s"},
                            std::string(kLong, 'x'));
        return caller.next_reply();
    };
    fill();
    fill(5000);
    EXPECT_EQ(reply(calls[0]).error_name, bus::error_name::kLimitsExceeded);
    let_go(hoarders_.size() / 2);
    EXPECT_EQ(reply(calls[1]).text().size(), kLong);
}

TEST_F(NearlyFullBus, AnswersNoLongerThanThatLeavesSomeToOthers) {
    constexpr int kNames = 700;  // 140 KB
    for (int i = 0; i < kNames; ++i) {
        owner_.call("RequestName", "su", fmt::format("a.N{}{:n>190}", i, ""));
        owner_.take_all();
    }
    RawClient reader = on_bus(newcomer_);
    fill();
    reader.call("ListNames");
    EXPECT_EQ(reader.next_reply().error_name, bus::error_name::kLimitsExceeded);
    EXPECT_LE(held(), kMostForOverdrafts);
    reader.call("GetId");
    EXPECT_EQ(reader.next_reply().text().size(), 32U) << "it goes on";

    let_go(hoarders_.size() / 2);
    ASSERT_GT(kMostForOverdrafts - held(), 2 * kMessage);
    reader.call("ListNames");
    std::size_t answered = 0;
    for (int part = 0; part < 16 && answered == 0; ++part)
        answered = reader.next_reply().body.size();
    EXPECT_GT(answered, kMessage);
}

}  // namespace
}  // namespace buzon::broker
