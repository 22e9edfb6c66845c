// SPDX-License-Identifier: Apache-2.0
// Peers that misbehave or vanish, over real sockets; what stock clients see is in integration/.
#include "broker/broker.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/test_broker.h"

namespace buzon::broker {
namespace {

using tests::RawClient;
using tests::Received;
using tests::TestBroker;
using namespace std::chrono_literals;

constexpr std::string_view kMonitoring = "org.freedesktop.DBus.Monitoring";

std::vector<std::string> members(const std::vector<Received>& messages) {
    std::vector<std::string> names;
    for (const Received& message : messages)
        names.push_back(message.error_name.empty() ? message.member : message.error_name);
    return names;
}

TEST(Hello, GivesNamesInOrder) {
    TestBroker bus;
    EXPECT_EQ(RawClient::on(bus).name(), ":1.0");
    EXPECT_EQ(RawClient::on(bus).name(), ":1.1");
    bus.settle();
    EXPECT_EQ(bus.state().peers.complete_count(), 0U) << "both are gone again";
}

TEST(Hello, ReachesEavesdroppersFromTheNameThatItHasGiven) {
    TestBroker bus;
    auto eavesdropper = RawClient::on(bus);
    eavesdropper.call("AddMatch", "s", "eavesdrop='true',member='Hello'");
    eavesdropper.take_all();
    const auto newcomer = RawClient::on(bus);
    const auto seen = eavesdropper.take_all();
    ASSERT_EQ(seen.size(), 1U);
    EXPECT_EQ(seen[0].sender, newcomer.name());
}

TEST(Disconnect, WatchersSeeNamesFromTheLastToTheFirst) {
    TestBroker bus;
    auto watcher = RawClient::on(bus);
    watcher.call("AddMatch", "s", "member='NameOwnerChanged'");
    auto owner = RawClient::on(bus);
    owner.call("RequestName", "su", "a.first");
    owner.call("RequestName", "su", "a.second");
    watcher.call_peer(owner.name());
    watcher.take_all();
    owner.close();
    std::vector<std::string> order;
    for (const Received& message : watcher.take_all())
        order.push_back(message.error_name.empty() ? message.text() : message.error_name);
    EXPECT_EQ(order, (std::vector<std::string>{"a.second", "a.first", owner.name(),
                                               "org.freedesktop.DBus.Error.NoReply"}));
}

TEST(Disconnect, NoLongAnswersAreBuiltForWhoIsGone) {
    TestBroker bus;
    const auto messages_of_driver = [&bus](const char* member) {
        auto caller = RawClient::on(bus);
        const auto before = bus.broker().driver_messages();
        for (int i = 0; i < 10; ++i)
            caller.send(caller.make({.type = bus::MessageType::MethodCall,
                                     .path = bus::kDriverPath,
                                     .interface = "org.freedesktop.DBus.Debug.Stats",
                                     .member = member,
                                     .destination = bus::kDriverName}));
        caller.close();
        bus.settle();
        return bus.broker().driver_messages() - before;
    };
    const auto of_leaving = messages_of_driver("GetStats") - 10;
    EXPECT_EQ(messages_of_driver("GetAllMatchRules"), of_leaving);
}

TEST(Disconnect, WhatWasSentBeforeTheEndIsRouted) {
    TestBroker bus;
    auto receiver = RawClient::on(bus);
    auto sender = RawClient::on(bus);
    for (int i = 0; i < 50; ++i)
        sender.call_peer(receiver.name(), "last words");
    sender.close();
    const auto messages = receiver.take_all();
    EXPECT_EQ(std::count_if(messages.begin(), messages.end(),
                            [](const Received& m) { return m.text() == "last words"; }),
              50);
}

TEST(Violation, EndsOnlyThePeerThatCommitsItAndIsLogged) {
    TestBroker bus;
    auto good = RawClient::on(bus);
    auto bad = RawClient::on(bus);
    auto bytes = bad.make({.path = "/", .interface = "a.b", .member = "M"});
    bytes[3] = std::byte{2};
    bad.send(bytes);
    EXPECT_TRUE(bad.is_closed());
    good.call("GetId");
    EXPECT_EQ(good.next_reply().text(), "0123456789abcdef0123456789abcdef");
    ASSERT_EQ(bus.log_lines().size(), 1U);
    EXPECT_NE(bus.log_lines()[0].find(bad.name()), std::string::npos);
    EXPECT_NE(bus.log_lines()[0].find("protocol version"), std::string::npos);
}

TEST(Violation, MessagesBeforeItAreStillServed) {
    TestBroker bus;
    auto client = RawClient::on(bus);
    auto bytes = client.make({.type = bus::MessageType::MethodCall,
                              .path = "/",
                              .interface = bus::kDriverName,
                              .member = "GetId",
                              .destination = bus::kDriverName});
    bytes.resize(bytes.size() + 16, std::byte{'x'});
    client.send(bytes);
    const auto messages = client.take_all();
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_EQ(messages[0].text(), "0123456789abcdef0123456789abcdef");
    EXPECT_TRUE(client.is_closed());
}

TEST(Timeouts, AuthenticationHasToEndWithHello) {
    TestBroker bus("<limit name='auth_timeout'>1000</limit>");
    RawClient silent(bus), nameless(bus);
    nameless.authenticate();
    auto complete = RawClient::on(bus);
    bus.advance(999ms);
    EXPECT_FALSE(silent.is_closed());
    EXPECT_FALSE(nameless.is_closed());
    bus.advance(1ms);
    EXPECT_TRUE(silent.is_closed());
    EXPECT_TRUE(nameless.is_closed());
    EXPECT_FALSE(complete.is_closed());
}

TEST(Timeouts, AReplyThatDoesNotComeIsAnError) {
    TestBroker bus("<limit name='reply_timeout'>500</limit>");
    auto caller = RawClient::on(bus);
    auto callee = RawClient::on(bus);
    const auto serial = caller.call_peer(callee.name());
    bus.settle();
    bus.advance(499ms);
    EXPECT_TRUE(caller.take_all().empty());
    bus.advance(1ms);
    const auto reply = caller.next_reply();
    EXPECT_EQ(reply.error_name, bus::error_name::kNoReply);
    EXPECT_EQ(reply.reply_serial, serial);
    EXPECT_EQ(bus.state().replies.size(), 0U);
}

/// A message in the middle, on its way to another.
class HalfMessage : public testing::Test {
protected:
    void begin(std::size_t body_bytes) {
        message_ = sender_.make({.type = bus::MessageType::MethodCall,
                                 .flags = bus::kFlagNoReplyExpected,
                                 .path = "/",
                                 .interface = "a.b",
                                 .member = "M",
                                 .destination = receiver_.name(),
                                 .signature = "s"},
                                std::string(body_bytes, 'x'));
        sent_ = 0;
    }
    void send(std::size_t bytes) {
        const auto rest = std::span<const std::byte>(message_).subspan(sent_);
        for (auto part = rest.first(std::min(bytes, rest.size())); !part.empty();) {
            const std::size_t taken = sender_.send(part);
            sent_ += taken;
            part = part.subspan(taken);
            bus_.settle();
            if (taken == 0 && sender_.is_closed()) return;
        }
    }
    /// Parts of that length, one in so much time. Returns when all were sent or nobody took them.
    void drip(std::size_t bytes, std::chrono::milliseconds interval) {
        while (sent_ < message_.size() && !sender_.is_closed()) {
            send(bytes);
            if (sent_ < message_.size()) bus_.advance(interval);
        }
    }
    void expect_ended(std::string_view what) {
        EXPECT_TRUE(sender_.is_closed());
        EXPECT_FALSE(receiver_.is_closed());
        EXPECT_THAT(bus_.log_lines(), testing::Contains(testing::HasSubstr(std::string(what))));
    }

    TestBroker bus_;
    RawClient sender_ = RawClient::on(bus_);
    RawClient receiver_ = RawClient::on(bus_);
    std::vector<std::byte> message_;
    std::size_t sent_ = 0;
};

TEST_F(HalfMessage, HasToGoOn) {
    begin(300);
    send(50);
    bus_.advance(59'999ms);
    EXPECT_FALSE(sender_.is_closed());
    send(message_.size());
    EXPECT_EQ(receiver_.take_all().size(), 1U);
    bus_.advance(120s);
    EXPECT_FALSE(sender_.is_closed()) << "the message is whole";

    begin(300);
    send(50);
    bus_.advance(60s);
    expect_ended("then nothing (message_timeout=60000ms)");
}

TEST_F(HalfMessage, MayNotGoOnForEver) {
    begin(300);
    drip(1, 10s);
    EXPECT_LE(sent_, 7U);
    expect_ended("did not end a message within 60");
}

TEST_F(HalfMessage, MayTakeLongerIfItIsLong) {
    begin(std::size_t{1} << 20);
    drip(200'000, 20s);
    std::size_t received = 0;
    for (int i = 0; i < 100 && received == 0; ++i)
        received += receiver_.take_all().size();
    EXPECT_EQ(received, 1U) << "1 MiB may take 124 s";

    begin(std::size_t{1} << 20);
    drip(100'000, 20s);
    EXPECT_EQ(sent_, 700'000U);
    expect_ended("did not end a message within 124");
}

/// A receiver that does not read, until its socket and its port hold something.
class Stalled : public testing::Test {
protected:
    static constexpr std::string_view kLimits = "<limit name='max_incoming_bytes'>300000</limit>";

    /// Sends until the bus does not read any more. Returns how many messages went out.
    int send_until_stalled() {
        int sent = 0;
        for (int idle = 0; idle < 3;) {
            const auto bytes = sender_.make({.type = bus::MessageType::MethodCall,
                                             .flags = bus::kFlagNoReplyExpected,
                                             .path = "/",
                                             .interface = "a.b",
                                             .member = "M",
                                             .destination = receiver_.name(),
                                             .signature = "s"},
                                            std::string(2000, 'x'));
            const std::size_t taken = sender_.send(bytes);
            if (taken == bytes.size()) {
                ++sent;
                idle = 0;
            } else {
                // Half a message may be in the socket: the rest of it must follow.
                rest_.assign(bytes.begin() + static_cast<std::ptrdiff_t>(taken), bytes.end());
                if (taken > 0) return sent + 1;
                ++idle;
            }
            bus_.settle();
        }
        rest_.clear();
        return sent;
    }

    TestBroker bus_{kLimits};
    RawClient receiver_ = RawClient::on(bus_);
    RawClient sender_ = RawClient::on(bus_);
    std::vector<std::byte> rest_;
};

TEST_F(Stalled, SenderIsNotReadBeyondItsLimit) {
    send_until_stalled();
    const Peer* peer = bus_.state().peers.find(receiver_.name());
    EXPECT_GT(peer->port().queued_bytes(), 300'000U);
    EXPECT_LT(peer->port().queued_bytes(), 320'000U);
}

TEST_F(Stalled, NothingIsLostWhenTheReceiverReadsAgain) {
    const int sent = send_until_stalled();
    std::size_t received = 0;
    for (int i = 0; i < 1000 && received < static_cast<std::size_t>(sent); ++i) {
        received += receiver_.take_all().size();
        if (!rest_.empty() && sender_.send(rest_) == rest_.size()) rest_.clear();
    }
    EXPECT_EQ(received, static_cast<std::size_t>(sent));
    const Peer* peer = bus_.state().peers.find(sender_.name());
    EXPECT_EQ(peer->in_flight()->bytes(), 0U);
}

TEST_F(Stalled, OthersAreServedMeanwhile) {
    send_until_stalled();
    auto other = RawClient::on(bus_);
    other.call("GetId");
    EXPECT_EQ(other.next_reply().text().size(), 32U);
}

TEST_F(Stalled, AHangUpWhilePausedTakesTheSendersNamesAtOnce) {
    send_until_stalled();
    sender_.close();
    bus_.settle();
    for (int i = 0; i < 10; ++i)
        EXPECT_FALSE(bus_.turn()) << "the loop would sleep";
    EXPECT_EQ(bus_.state().peers.find(sender_.name()), nullptr);
}

TEST_F(Stalled, WhatASenderLeftBehindIsRoutedAfterItsHangUp) {
    const int sent = send_until_stalled();
    const bool whole = rest_.empty();
    sender_.close();
    bus_.settle();
    std::size_t received = 0;
    for (int i = 0; i < 1000; ++i)
        received += receiver_.take_all().size();
    EXPECT_EQ(received, static_cast<std::size_t>(whole ? sent : sent - 1));
}

TEST_F(Stalled, ReceiverThatVanishesFreesItsSender) {
    send_until_stalled();
    receiver_.close();
    bus_.settle();
    const Peer* peer = bus_.state().peers.find(sender_.name());
    EXPECT_EQ(peer->in_flight()->bytes(), 0U);
}

TEST(Monitor, OneThatDoesNotReadIsDisconnectedAndNobodyElseIs) {
    TestBroker bus("<limit name='max_outgoing_bytes'>200000</limit>");
    auto monitor = RawClient::on(bus);
    monitor.call("BecomeMonitor", "asu", "", kMonitoring);
    auto a = RawClient::on(bus);
    auto b = RawClient::on(bus);
    std::size_t received = 0;
    for (int i = 0; i < 1500; ++i) {
        a.call_peer(b.name(), std::string(1000, 'x'), bus::kFlagNoReplyExpected);
        received += b.take_all().size();
    }
    EXPECT_EQ(received, 1500U);
    EXPECT_FALSE(a.is_closed());
    EXPECT_TRUE(monitor.is_closed());
    EXPECT_NE(bus.log_lines().back().find("monitor does not read"), std::string::npos);
}

TEST(Monitor, SendingAnythingEndsIt) {
    TestBroker bus;
    auto monitor = RawClient::on(bus);
    monitor.call("BecomeMonitor", "asu", "", kMonitoring);
    EXPECT_FALSE(monitor.is_closed());
    monitor.call("Ping", "", "", "org.freedesktop.DBus.Peer");
    EXPECT_TRUE(monitor.is_closed());
}

TEST(Monitor, SeesTheRefusalOfOneReceiverOfABroadcast) {
    TestBroker bus("", R"(<policy context="default"><allow send_destination="*"/>
        <allow receive_sender="*"/><allow own="*"/><allow user="*"/>
        <deny receive_interface="a.b"/></policy>)");
    auto monitor = RawClient::on(bus);
    auto sender = RawClient::on(bus);
    auto subscriber = RawClient::on(bus);
    subscriber.call("AddMatch", "s", "interface='a.b'");
    subscriber.take_all();
    monitor.call("BecomeMonitor", "asu", "", kMonitoring);
    monitor.take_all();
    sender.emit("x");
    EXPECT_EQ(members(monitor.take_all()),
              (std::vector<std::string>{"S", "org.freedesktop.DBus.Error.AccessDenied"}));
    EXPECT_TRUE(subscriber.take_all().empty());
    EXPECT_TRUE(sender.take_all().empty());
}

TEST(Monitor, RulesOverTheLimitAreRefusedBeforeTheyAreKept) {
    TestBroker bus("<limit name='max_match_rules_per_connection'>0</limit>");
    auto client = RawClient::on(bus);
    client.call("BecomeMonitor", "asu", "type='signal'", kMonitoring);
    EXPECT_EQ(client.next_reply().error_name, bus::error_name::kLimitsExceeded);
    EXPECT_FALSE(client.is_closed());
}

/// One byte of a message that does not go on, with copies of some descriptor.
void send_descriptors(TestBroker& bus, const RawClient& client, std::byte byte, std::size_t count) {
    bus::BlockPool pool;
    bus::SendBuffer out(pool);
    const bus::Header none;
    std::vector<bus::FileDescriptor> copies;
    for (std::size_t i = 0; i < count; ++i)
        copies.emplace_back(::dup(client.socket()));
    out.append(
        {none, {&byte, 1}, {}, nullptr, bus::make_ref<bus::DescriptorSet>(std::move(copies))});
    ASSERT_TRUE(out.flush(client.socket()));
    bus.settle();
}

TEST(Descriptors, AStrangerCanNotMakeTheBusHoldMoreThanForOneMessage) {
    TestBroker bus("<limit name='max_message_unix_fds'>4</limit>");
    RawClient stranger(bus);
    stranger.send_text(std::string_view("\0", 1));
    bus.settle();
    for (int i = 0; i < 5; ++i) {
        EXPECT_FALSE(stranger.is_closed()) << "after " << i;
        send_descriptors(bus, stranger, std::byte{'A'}, 1);
    }
    EXPECT_TRUE(stranger.is_closed());
}

TEST(Descriptors, AreHeldForOneMessageOfAPeerThatDoesNotFinishIt) {
    TestBroker bus("<limit name='max_message_unix_fds'>4</limit>");
    auto peer = RawClient::on(bus);
    send_descriptors(bus, peer, std::byte{'l'}, 4);
    EXPECT_FALSE(peer.is_closed());
    send_descriptors(bus, peer, std::byte{'l'}, 1);
    EXPECT_TRUE(peer.is_closed());
}

std::ptrdiff_t count_open() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
}

TEST(Descriptors, AConnectionTakesOne) {
    TestBroker bus;
    const auto before = count_open();
    auto peer = RawClient::on(bus);
    EXPECT_EQ(count_open(), before + 2) << "the other end is the test's";
}

TEST(Descriptors, ThatOfAProcessIsOpenedForAnAnswerAndClosedWithIt) {
    TestBroker bus;
    auto peer = RawClient::on(bus);
    const auto before = count_open();
    for (int i = 0; i < 300; ++i) {
        peer.call("GetConnectionCredentials", "s", peer.name());
        peer.take_all();
    }
    EXPECT_EQ(count_open(), before);
}

TEST(Descriptors, ThatOfAProcessIsThatOfTheOneThatConnected) {
    TestBroker bus;
    auto peer = RawClient::on(bus);
    if (!bus::open_peer_process(peer.socket())) GTEST_SKIP() << "the kernel is older than 6.5";
    peer.call("GetConnectionCredentials", "s", peer.name());
    EXPECT_EQ(peer.next_reply().descriptors, 1U);
}

TEST(Descriptors, WithoutTheirMessageAreChargedUntilItHasCome) {
    TestBroker bus;
    auto peer = RawClient::on(bus);
    const auto held = [&] { return bus.state().accounts.bus().held(Resource::Descriptors); };
    send_descriptors(bus, peer, std::byte{'l'}, 4);
    EXPECT_EQ(held(), 4U);
    send_descriptors(bus, peer, std::byte{4}, 2);
    EXPECT_EQ(held(), 6U);
    bus.advance(bus.state().settings.limits.pending_fd_timeout);
    EXPECT_TRUE(peer.is_closed());
    EXPECT_EQ(held(), 0U);
}

TEST(Descriptors, WithoutTheirMessageCanNotUseUpThoseOfTheBus) {
    // An eighth of those that are not kept for files is for messages: 68.
    constexpr std::uint64_t kDescriptors = 64 + 8 * 68;
    TestBroker bus("<limit name='max_message_unix_fds'>4</limit>", tests::kAllowAll, "",
                   kDescriptors);
    std::vector<RawClient> peers;
    std::size_t closed = 0;
    for (int i = 0; i < 40; ++i) {
        peers.push_back(RawClient::on(bus));
        send_descriptors(bus, peers.back(), std::byte{'l'}, 4);
        if (peers.back().is_closed()) ++closed;
        EXPECT_LT(bus.state().accounts.bus().held(Resource::Descriptors), 100U);
    }
    EXPECT_FALSE(peers.front().is_closed());
    EXPECT_GT(closed, 0U);
    EXPECT_LT(closed, 34U) << "up to half of what there is for messages nobody is ended";
    EXPECT_THAT(bus.log_lines(),
                testing::Contains(testing::HasSubstr("while its program may have no more")));
}

/// A method call whose body is long enough to be checked in pieces.
class LongBody : public testing::Test {
protected:
    /// Sends the call to the receiver; `spoil` puts a byte that is not UTF-8 at the end.
    void send(bool spoil) {
        auto bytes = sender_.make({.type = bus::MessageType::MethodCall,
                                   .flags = bus::kFlagNoReplyExpected,
                                   .path = "/",
                                   .interface = "a.b",
                                   .member = "M",
                                   .destination = receiver_.name(),
                                   .signature = "s"},
                                  std::string(kBytes, 'x'));
        if (spoil) bytes[bytes.size() - 2] = std::byte{0xff};
        const auto behind = sender_.make({.type = bus::MessageType::MethodCall,
                                          .flags = bus::kFlagNoReplyExpected,
                                          .path = "/",
                                          .interface = "a.b",
                                          .member = "Behind",
                                          .destination = receiver_.name()});
        bytes.insert(bytes.end(), behind.begin(), behind.end());
        for (std::span<const std::byte> rest = bytes; !rest.empty();) {
            const std::size_t sent = sender_.send(rest);
            if (sent == 0 && sender_.is_closed()) return;
            rest = rest.subspan(sent);
            if (!rest.empty()) bus_.settle();
        }
    }

    static constexpr std::size_t kBytes = std::size_t{5} << 20;
    TestBroker bus_;
    RawClient receiver_ = RawClient::on(bus_);
    RawClient sender_ = RawClient::on(bus_);
};

TEST_F(LongBody, ArrivesWholeAndBeforeWhatIsBehindIt) {
    send(false);
    std::vector<Received> all;
    for (int i = 0; i < 1000 && all.size() < 2; ++i) {
        for (auto& message : receiver_.take_all())
            all.push_back(std::move(message));
    }
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].text(), std::string(kBytes, 'x'));
    EXPECT_EQ(all[1].member, "Behind");
}

TEST_F(LongBody, IsRefusedForItsLastByte) {
    send(true);
    EXPECT_TRUE(sender_.is_closed());
    EXPECT_TRUE(receiver_.take_all().empty());
    EXPECT_THAT(bus_.log_lines(), testing::Contains(testing::HasSubstr("invalid body")));
}

TEST_F(LongBody, IsCheckedOverSeveralTurns) {
    send(false);
    EXPECT_TRUE(bus_.turn());
    EXPECT_TRUE(bus_.loop().has_tasks()) << "5 MiB are more than one turn does";
    auto other = RawClient::on(bus_);
    other.call("GetId");
    EXPECT_EQ(other.next_reply().text().size(), 32U);
}

TEST(Fairness, AFloodOfOnePeerDoesNotKeepAnotherWaiting) {
    TestBroker bus;
    std::vector<RawClient> crowd;
    for (int i = 0; i < 50; ++i) {
        crowd.push_back(RawClient::on(bus));
        crowd.back().call("AddMatch", "s", "interface='a.b'");
    }
    auto flooder = RawClient::on(bus);
    auto modest = RawClient::on(bus);
    std::vector<std::byte> flood;
    while (flood.size() < 60'000) {
        const auto one =
            flooder.make({.path = "/", .interface = "a.b", .member = "S", .signature = "s"}, "x");
        flood.insert(flood.end(), one.begin(), one.end());
    }
    flooder.send(flood);
    modest.send_message({.type = bus::MessageType::MethodCall,
                         .path = "/",
                         .interface = bus::kDriverName,
                         .member = "GetId",
                         .destination = bus::kDriverName});
    bus.turn();
    EXPECT_EQ(modest.read_available().size(), 1U) << "answered in the turn that read it";
    EXPECT_TRUE(bus.loop().has_tasks()) << "the flooder's rest waits for another turn";
    bus.settle();
    EXPECT_FALSE(bus.loop().has_tasks());
}

TEST(ReasonForDenial, TellsNoMoreOfARuleThanFits) {
    std::string umlauts;
    for (int i = 0; i < 2000; ++i)
        umlauts += "ä";
    const TestBroker bus;
    for (const std::size_t odd : {0U, 1U}) {
        policy::Rule rule;
        rule.match = policy::OwnRule{std::string(odd, 'x') + umlauts, policy::NameForm::Exact};
        const auto reason = reason_for_denial(*bus.state().settings.policy, &rule);
        EXPECT_LT(reason.size(), 1100U);
        EXPECT_TRUE(reason.ends_with("ä...")) << reason;
    }
}

}  // namespace
}  // namespace buzon::broker
