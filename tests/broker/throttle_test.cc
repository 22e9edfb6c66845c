// SPDX-License-Identifier: Apache-2.0
// What happens to those who send more than others take: broker/throttle.h and broker/admission.h,
// on a whole broker.
#include "broker/throttle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <span>
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
using testing::IsEmpty;
using tests::RawClient;
using tests::Received;
using tests::TestBroker;

TEST_F(Flood, ASenderIsNotReadWhileItsPartOfAQueueIsFull) {
    auto stalled = RawClient::on(bus_);
    EXPECT_LT(flood_one_way(sender_, stalled), kEnoughToFillSockets);
    EXPECT_GT(queued_for(stalled), kBound / 4);
    EXPECT_LT(queued_for(stalled), kBound);
    EXPECT_THAT(bus_.log_lines(), Contains(HasSubstr("Throttled " + sender_.name())));
}

TEST_F(Flood, OneFloodIsOneLineHoweverOftenItIsStopped) {
    auto slow = RawClient::on(bus_);
    const auto read_some = [&slow] {
        std::array<std::byte, 300'000> some{};
        return ::read(slow.socket(), some.data(), some.size());
    };
    for (int i = 0; i < 30; ++i) {
        flood_one_way(sender_, slow);
        (void)!read_some();
        bus_.advance(1s);
    }
    const auto lines_told = [this] {
        return std::count_if(bus_.log_lines().begin(), bus_.log_lines().end(),
                             [](const std::string& line) { return line.starts_with("Throttled"); });
    };
    EXPECT_GT(bus_.broker().throttle().counts().throttled, 10U);
    EXPECT_EQ(lines_told(), 1);
    while (read_some() > 0)
        bus_.settle();
    bus_.advance(11s);
    flood_one_way(sender_, slow);
    EXPECT_EQ(lines_told(), 2) << "it is another flood";
}

TEST_F(Flood, TellsWhoWaitsForWhomAndSinceWhen) {
    auto stalled = RawClient::on(bus_);
    flood_one_way(sender_, stalled);
    const auto since = bus_.loop().now();
    bus_.advance(3s);
    std::vector<std::pair<PeerId, PeerId>> waits;
    bus_.broker().throttle().for_each_stopped([&](const ThrottledSender& sender) {
        EXPECT_EQ(sender.since, since);
        EXPECT_FALSE(sender.waits_for_bus);
        for (const PeerId receiver : sender.receivers)
            waits.emplace_back(sender.sender, receiver);
    });
    const auto id_of = [&](const RawClient& client) {
        return bus_.state().peers.find(client.name())->id();
    };
    EXPECT_EQ(waits, (std::vector{std::pair{id_of(sender_), id_of(stalled)}}));
    EXPECT_EQ(bus_.broker().throttle().counts().throttled, 1U);
}

TEST_F(Flood, AnotherSenderStillFindsRoomInThatQueue) {
    auto stalled = RawClient::on(bus_);
    auto other = RawClient::on(bus_);
    flood_one_way(sender_, stalled);
    const auto before = queued_for(stalled);
    other.call_peer(stalled.name(), "hello");
    EXPECT_THAT(other.take_all(), IsEmpty()) << "no error";
    EXPECT_GT(queued_for(stalled), before);
}

TEST_F(Flood, ItGoesOnWhereItStoppedWhenTheReceiverReads) {
    auto stalled = RawClient::on(bus_);
    flood_one_way(sender_, stalled);
    const auto queued = queued_for(stalled);
    std::vector<Received> received;
    for (int i = 0; i < 100; ++i) {
        auto more = stalled.take_all();
        std::move(more.begin(), more.end(), std::back_inserter(received));
    }
    EXPECT_EQ(queued_for(stalled), 0U);
    EXPECT_GT(received.size() * 2000, queued);
    sender_.call_peer(stalled.name());
    EXPECT_TRUE(is_on_the_bus(sender_));
}

TEST_F(Flood, ACallThatFindsNoRoomIsRefusedAndForgotten) {
    auto stalled = RawClient::on(bus_);
    flood(sender_, {.type = bus::MessageType::MethodCall, .destination = stalled.name()}, 1500);
    std::vector<Received> replies;
    for (auto more = sender_.take_all(); !more.empty(); more = sender_.take_all())
        std::move(more.begin(), more.end(), std::back_inserter(replies));
    ASSERT_FALSE(replies.empty());
    for (const Received& reply : replies)
        EXPECT_EQ(reply.error_name, bus::error_name::kLimitsExceeded);
    EXPECT_EQ(bus_.state().counts.refused_calls, replies.size());
    EXPECT_LE(queued_for(stalled), kBound);
    EXPECT_TRUE(is_on_the_bus(stalled));
}

TEST_F(Flood, HoweverManyWaitForAQueueFewAreAskedInATurnAndAllGoOn) {
    constexpr std::size_t kMessages = 5;
    auto receiver = RawClient::on(bus_);
    flood_one_way(sender_, receiver);
    std::vector<RawClient> crowd;
    for (int i = 0; i < 250; ++i) {
        crowd.push_back(RawClient::on(bus_));
        for (std::size_t sent = 0; sent < kMessages; ++sent)
            crowd.back().call_peer(receiver.name(), std::string(2000, 'x'),
                                   bus::kFlagNoReplyExpected);
        bus_.settle();
    }
    ASSERT_GT(bus_.broker().throttle().size(), 100U);
    std::size_t received = 0;
    for (int turn = 0; turn < 20'000 && received < kMessages * crowd.size(); ++turn) {
        for (const Received& message : receiver.read_available())
            received += message.sender == sender_.name() ? 0 : 1;
        const auto before = bus_.broker().throttle().asked();
        bus_.turn();
        EXPECT_LE(bus_.broker().throttle().asked() - before, Throttle::kMostAskedInATurn);
    }
    EXPECT_EQ(received, kMessages * crowd.size());
    EXPECT_FALSE(receiver.is_closed());
}

TEST_F(Flood, ManyThatWaitAreLookedAtAllTheTimeAndTheLoopSleepsBetween) {
    auto stalled = RawClient::on(bus_);
    flood_one_way(sender_, stalled);
    std::vector<RawClient> crowd;
    for (int i = 0; i < 600; ++i) {
        crowd.push_back(RawClient::on(bus_));
        for (int sent = 0; sent < 3; ++sent)
            crowd.back().call_peer(stalled.name(), std::string(2000, 'x'),
                                   bus::kFlagNoReplyExpected);
        bus_.settle();
    }
    ASSERT_GT(bus_.broker().throttle().size(), 512U);
    for (int i = 0; i < 100; ++i) {
        bus_.pass(10ms);
        EXPECT_LE(bus_.settle(), 3);
    }
    EXPECT_TRUE(is_on_the_bus(stalled));
    for (int i = 0; i < 25; ++i)
        bus_.advance(1s);
    EXPECT_FALSE(is_on_the_bus(stalled));
}

TEST_F(Flood, AReceiverThatTakesNothingForLongIsDisconnectedAndTheSenderGoesOn) {
    auto stalled = RawClient::on(bus_);
    auto innocent = RawClient::on(bus_);
    flood_one_way(sender_, stalled);
    bus_.advance(19s);
    EXPECT_TRUE(is_on_the_bus(stalled));
    bus_.advance(1s);
    bus_.advance(1s);
    EXPECT_FALSE(is_on_the_bus(stalled));
    EXPECT_TRUE(is_on_the_bus(sender_));
    EXPECT_TRUE(is_on_the_bus(innocent));
    EXPECT_THAT(bus_.log_lines(), Contains(HasSubstr("stuck_timeout=20000ms")));
    EXPECT_EQ(bus_.state().peers.find(sender_.name())->in_flight()->bytes(), 0U);
}

TEST_F(Flood, AReceiverThatTakesALittleNowAndThenStays) {
    auto slow = RawClient::on(bus_);
    flood_one_way(sender_, slow);
    for (int i = 0; i < 60; ++i) {
        std::array<std::byte, 100'000> some{};
        (void)!::read(slow.socket(), some.data(), some.size());
        bus_.advance(5s);
    }
    EXPECT_TRUE(is_on_the_bus(slow));
}

TEST_F(Flood, AReceiverThatTakesNextToNothingNowAndThenIsDisconnected) {
    auto dripping = RawClient::on(bus_);
    flood_one_way(sender_, dripping);
    std::array<std::byte, 2'100> a_message{};
    int seconds = 0;
    for (; seconds < 100 && is_on_the_bus(dripping); seconds += 5) {
        (void)!::read(dripping.socket(), a_message.data(), a_message.size());
        bus_.advance(5s);
    }
    EXPECT_GE(seconds, 20) << "what it takes buys it some time";
    EXPECT_LT(seconds, 60);
    EXPECT_TRUE(is_on_the_bus(sender_));
}

TEST_F(Flood, AStoppedReceiverToWhichNobodySendsTooMuchStays) {
    auto stopped = subscriber();
    broadcast(sender_, 20);
    bus_.advance(600s);
    EXPECT_TRUE(is_on_the_bus(stopped));
}

TEST_F(Flood, OneThatDoesNotReadTheAnswersOfTheDriverIsNotReadEither) {
    int sent = 0;
    for (; sent < 100'000; ++sent) {
        const auto bytes = sender_.make({.type = bus::MessageType::MethodCall,
                                         .path = bus::kDriverPath,
                                         .interface = "org.freedesktop.DBus.Introspectable",
                                         .member = "Introspect",
                                         .destination = bus::kDriverName});
        if (sender_.send(bytes) != bytes.size()) break;
        bus_.settle();
    }
    ASSERT_LT(sent, 100'000);
    EXPECT_LT(queued_for(sender_), kBound);
    bus_.advance(600s);
    EXPECT_TRUE(is_on_the_bus(sender_)) << "it keeps nobody else waiting";

    int answered = 0;
    for (std::size_t more = 1; more > 0;) {
        more = sender_.take_all().size();
        answered += static_cast<int>(more);
    }
    EXPECT_EQ(answered, sent);
}

TEST_F(Flood, TwoThatSendToEachOtherWithoutReadingEndWithOneOfThem) {
    auto other = RawClient::on(bus_);
    for (int i = 0; i < 3; ++i) {
        flood_one_way(sender_, other);
        flood_one_way(other, sender_);
    }
    EXPECT_LE(queued_for(sender_), kBound + Throttle::kCircleAllowance);
    EXPECT_LE(queued_for(other), kBound + Throttle::kCircleAllowance);
    for (int i = 0; i < 25; ++i)
        bus_.advance(1s);
    EXPECT_NE(is_on_the_bus(sender_), is_on_the_bus(other));
}

TEST_F(Flood, ABurstInACircleIsNoDeadlock) {
    auto other = RawClient::on(bus_);
    const auto count = [](RawClient& client) {
        std::size_t all = 0;
        for (std::size_t more = 1; more > 0; all += more)
            more = client.take_all().size();
        return static_cast<int>(all);
    };
    const int to_other = flood_one_way(sender_, other);
    const int to_sender = flood_one_way(other, sender_);
    EXPECT_GE(count(sender_), to_sender);
    EXPECT_GE(count(other), to_other);
    EXPECT_TRUE(is_on_the_bus(sender_));
    EXPECT_TRUE(is_on_the_bus(other));
}

TEST_F(Flood, AReplyThatFindsNoRoomIsAnErrorInItsPlace) {
    auto callee = RawClient::on(bus_);
    // The caller does not read, and its queue is filled by what it has asked for itself.
    std::vector<std::uint32_t> serials;
    for (int i = 0; i < 100; ++i)
        serials.push_back(sender_.call_peer(callee.name()));
    bus_.settle();
    callee.take_all();
    for (const std::uint32_t serial : serials) {
        callee.send_message({.type = bus::MessageType::MethodReturn,
                             .reply_serial = serial,
                             .destination = sender_.name(),
                             .signature = "s"},
                            std::string(60'000, 'x'));
        bus_.settle();
    }
    EXPECT_LT(queued_for(sender_), kBound + 200 * 100);
    std::vector<std::uint32_t> answered;
    int errors = 0;
    for (std::size_t more = 1; more > 0;) {
        const auto replies = sender_.take_all();
        more = replies.size();
        for (const Received& reply : replies) {
            answered.push_back(reply.reply_serial);
            if (reply.error_name == bus::error_name::kLimitsExceeded) ++errors;
        }
    }
    EXPECT_EQ(answered, serials) << "each call has its answer, in order";
    EXPECT_GT(errors, 0);
}

TEST_F(Flood, ASenderAtItsOwnLimitDoesNotWaitForEverEither) {
    TestBroker small("<limit name='max_incoming_bytes'>100000</limit>");
    auto sender = RawClient::on(small), stalled = RawClient::on(small);
    for (int i = 0; i < 3000; ++i) {
        const auto bytes = sender.make({.type = bus::MessageType::Signal,
                                        .path = "/",
                                        .interface = "a.b",
                                        .member = "M",
                                        .destination = stalled.name(),
                                        .signature = "s"},
                                       std::string(2000, 'x'));
        if (sender.send(bytes) != bytes.size()) break;
        small.settle();
    }
    const auto since = small.loop().now();
    small.advance(1s);
    std::vector<PeerId> told;
    small.broker().throttle().for_each_stopped([&](const ThrottledSender& held) {
        told.push_back(held.sender);
        EXPECT_EQ(held.since, since);
        EXPECT_TRUE(held.waits_for_bus);
    });
    EXPECT_THAT(told, testing::ElementsAre(small.state().peers.find(sender.name())->id()));
    EXPECT_EQ(small.broker().throttle().counts().throttled, 1U);
    EXPECT_THAT(small.log_lines(), Contains(HasSubstr("max_incoming_bytes=100000")));
    for (int i = 0; i < 25; ++i)
        small.advance(1s);
    EXPECT_EQ(small.state().peers.find(stalled.name()), nullptr);
    EXPECT_NE(small.state().peers.find(sender.name()), nullptr);
    EXPECT_EQ(small.state().peers.find(sender.name())->in_flight()->bytes(), 0U);
}

/// More than the sockets take.
void send_600_kb(TestBroker& bus, RawClient& sender, const RawClient& receiver) {
    const auto bytes = sender.make({.type = bus::MessageType::Signal,
                                    .path = "/",
                                    .interface = "a.b",
                                    .member = "M",
                                    .destination = receiver.name(),
                                    .signature = "s"},
                                   std::string(600'000, 'x'));
    std::size_t done = 0;
    for (int i = 0; i < 100 && done < bytes.size(); ++i) {
        done += sender.send(std::span(bytes).subspan(done));
        bus.settle();
    }
    ASSERT_EQ(done, bytes.size());
}

TEST_F(Flood, WhoseReceiverIsStuckIsHelpedHoweverManyWaitForSlowOnes) {
    constexpr std::size_t kPatient = 64;
    // So that there is room for all of them.
    constexpr auto kMuch = "<limit name='max_bus_bytes'>100000000000</limit>";
    TestBroker small("<limit name='max_incoming_bytes'>100000</limit>", tests::kAllowAll, kMuch);
    std::vector<RawClient> patient, slow;
    for (std::size_t i = 0; i < kPatient; ++i) {
        patient.push_back(RawClient::on(small));
        slow.push_back(RawClient::on(small));
    }
    auto sender = RawClient::on(small), stalled = RawClient::on(small);
    for (std::size_t i = 0; i < kPatient; ++i)
        send_600_kb(small, patient[i], slow[i]);
    send_600_kb(small, sender, stalled);
    ASSERT_EQ(small.broker().throttle().size(), kPatient + 1);
    for (int second = 0; second < 25; ++second) {
        for (RawClient& each : slow) {
            std::array<std::byte, 9'000> some{};
            ASSERT_GT(::read(each.socket(), some.data(), some.size()), 0);
        }
        small.advance(1s);
    }
    EXPECT_EQ(small.broker().throttle().size(), kPatient);
    EXPECT_EQ(small.state().peers.find(stalled.name()), nullptr);
    for (const RawClient& each : slow)
        EXPECT_NE(small.state().peers.find(each.name()), nullptr);
}

TEST_F(Flood, WhoWaitsForOneThatBecomesAMonitorGoesOn) {
    TestBroker small("<limit name='max_outgoing_bytes'>100000</limit>");
    auto sender = RawClient::on(small), receiver = RawClient::on(small);
    const Throttle& throttle = small.broker().throttle();
    for (int i = 0; i < 100 && throttle.size() == 0; ++i) {
        sender.call_peer(receiver.name(), std::string(20'000, 'x'), bus::kFlagNoReplyExpected);
        small.settle();
    }
    ASSERT_EQ(throttle.size(), 1U);
    receiver.call("BecomeMonitor", "asu", "", "org.freedesktop.DBus.Monitoring");
    ASSERT_EQ(small.state().peers.find(receiver.name()), nullptr);
    EXPECT_EQ(throttle.size(), 0U);
    sender.take_all();  // of what has waited: there is no such name any more
    sender.call("GetId");
    EXPECT_EQ(sender.next_reply().text().size(), 32U);
}

TEST_F(Flood, TheBusMayEndWhileSendersAreAtTheirLimits) {
    auto small = std::make_unique<TestBroker>("<limit name='max_incoming_bytes'>100000</limit>");
    auto first = RawClient::on(*small), second = RawClient::on(*small);
    send_600_kb(*small, first, second);
    send_600_kb(*small, second, first);
    EXPECT_EQ(small->broker().throttle().size(), 2U);
    small.reset();
}

TEST_F(Flood, WhoMakesTheDriverTellAnotherPaysForThat) {
    auto victim = RawClient::on(bus_);
    constexpr std::uint32_t kAllowReplacement = 1, kReplace = 2;
    request_name(victim, kAllowReplacement);
    bus_.settle();
    const auto& offender = *bus_.state().peers.find(sender_.name())->in_flight();
    const auto& innocent = *bus_.state().peers.find(victim.name())->in_flight();
    for (int i = 0; i < 30'000 && offender.bytes() == 0; ++i) {
        // The name is taken from the victim, which waits for it and gets it back.
        request_name(sender_, kAllowReplacement | kReplace);
        sender_.call("ReleaseName", "s", "a.b");
        sender_.take_all();
    }
    EXPECT_GT(offender.bytes(), 0U) << "what the victim does not read";
    EXPECT_EQ(innocent.bytes(), 0U);
}

/// What changed hands: the owner before, and the one since.
std::pair<std::string, std::string> owners_in(const Received& change) {
    bus::WireReader body(change.body, bus::ByteOrder::Little);
    (void)body.read_string();
    const std::string before(body.read_string().value());
    return {before, std::string(body.read_string().value())};
}

TEST_F(Flood, ChangesOfANameAreHeardInTheirOrderHoweverFullTheQueueIs) {
    auto watcher = RawClient::on(bus_);
    watcher.call("AddMatch", "s", "member='NameOwnerChanged',arg0='a.b'");
    watcher.take_all();
    auto other = RawClient::on(bus_);
    constexpr std::uint32_t kAllowReplacement = 1, kReplace = 2, kDoNotQueue = 4;
    int after_the_first_stop = 0;
    for (int i = 0; i < 30'000 && after_the_first_stop < 50; ++i) {
        for (RawClient* const each : {&sender_, &other}) {
            request_name(*each, kAllowReplacement | kReplace | kDoNotQueue);
            bus_.settle();
            each->take_all();
        }
        if (bus_.broker().throttle().size() > 0) ++after_the_first_stop;
    }
    ASSERT_GT(after_the_first_stop, 0);
    std::string owner;
    int changes = 0;
    for (std::size_t more = 1; more > 0;) {
        const auto received = watcher.take_all();
        more = received.size();
        for (const Received& each : received) {
            if (each.member != "NameOwnerChanged") continue;
            const auto [before, after] = owners_in(each);
            EXPECT_EQ(before, owner);
            owner = after;
            ++changes;
        }
    }
    EXPECT_GT(changes, 500);
}

TEST_F(Flood, APausedMonitorTakesNobodysRoomAndIsDisconnected) {
    auto monitor = RawClient::on(bus_);
    monitor.call("BecomeMonitor", "asu", "", "org.freedesktop.DBus.Monitoring");
    auto receiver = RawClient::on(bus_);
    for (int i = 0; i < 2000; ++i) {
        sender_.call_peer(receiver.name(), std::string(2000, 'x'), bus::kFlagNoReplyExpected);
        bus_.settle();
        receiver.take_all();
    }
    EXPECT_TRUE(monitor.is_closed());
    EXPECT_EQ(bus_.state().peers.find(sender_.name())->in_flight()->bytes(), 0U);
    EXPECT_TRUE(is_on_the_bus(receiver));
}

TEST_F(Flood, HangingUpWhileHeldDoesNotKeepTheLoopAwake) {
    auto stalled = RawClient::on(bus_);
    flood_one_way(sender_, stalled);
    sender_.close();
    bus_.settle();
    for (int i = 0; i < 10; ++i)
        EXPECT_FALSE(bus_.turn());
    EXPECT_FALSE(is_on_the_bus(sender_));
}

TEST_F(Flood, NewConnectionsDoNotGetNewSharesOfAQueue) {
    auto stalled = RawClient::on(bus_);
    for (int i = 0; i < 20; ++i) {
        auto again = RawClient::on(bus_);
        flood_one_way(again, stalled);
    }
    bus_.settle();
    EXPECT_LT(queued_for(stalled), kBound + (std::uint64_t{10} << 20));
    EXPECT_TRUE(is_on_the_bus(stalled));
}

class DescriptorFlood : public Flood {
protected:
    /// Signals with a descriptor each, until the bus reads no more of the sender, or `most`.
    void flood_with_descriptors(std::string_view destination, int most) {
        for (int sent = 0; sent < most && bus_.broker().throttle().size() == 0; ++sent) {
            ASSERT_TRUE(sender_.send_with_descriptors({.type = bus::MessageType::Signal,
                                                       .path = "/",
                                                       .interface = "a.b",
                                                       .member = "M",
                                                       .destination = destination,
                                                       .signature = "s"},
                                                      1, std::string(2000, 'x')));
            bus_.settle();
        }
    }
};

TEST_F(DescriptorFlood, TheLogNamesTheLimitThatStoppedTheSender) {
    auto stalled = RawClient::on(bus_);
    flood_with_descriptors(stalled.name(), kEnoughToFillSockets);
    ASSERT_EQ(bus_.broker().throttle().size(), 1U);
    const auto queued = bus_.state().peers.find(stalled.name())->port().queued_descriptors();
    ASSERT_GT(queued, 0U);
    EXPECT_THAT(bus_.log_lines(),
                Contains(HasSubstr(fmt::format(
                    "is full ({} descriptors queued, max_outgoing_unix_fds=64)", queued))));
}

TEST_F(DescriptorFlood, TheLogNamesTheLimitForWhichAReceiverEnds) {
    auto slow = subscriber();
    auto quick = subscriber();
    for (int i = 0; i < 100 && is_on_the_bus(slow); ++i) {
        flood_with_descriptors("", 20);
        quick.take_all();
    }
    EXPECT_FALSE(is_on_the_bus(slow));
    EXPECT_THAT(bus_.log_lines(),
                Contains(HasSubstr("does not keep up with what it has asked for (64 descriptors "
                                   "queued, max_outgoing_unix_fds=64)")));
}

TEST_F(DescriptorFlood, TheLogSaysWhetherTheBusHasNoRoomForBytesOrDescriptors) {
    TestBroker small("", tests::kAllowAll, "<limit name='max_unix_fds_per_user'>8</limit>");
    auto sender = RawClient::on(small), stalled = RawClient::on(small);
    for (int sent = 0; sent < kEnoughToFillSockets && small.broker().throttle().size() == 0;
         ++sent) {
        ASSERT_TRUE(sender.send_with_descriptors({.type = bus::MessageType::Signal,
                                                  .path = "/",
                                                  .interface = "a.b",
                                                  .member = "M",
                                                  .destination = stalled.name(),
                                                  .signature = "s"},
                                                 4, std::string(2000, 'x')));
        small.settle();
    }
    EXPECT_THAT(small.log_lines(), Contains(HasSubstr("descriptors under way, 4 more wanted")));
}

}  // namespace
}  // namespace buzon::broker
