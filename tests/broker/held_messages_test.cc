// SPDX-License-Identifier: Apache-2.0
// Messages that find no room and wait with their senders: broker/held_messages.h, on a whole
// broker. Nothing is lost, nothing comes twice, and everything in its order.
#include "broker/held_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/test_broker.h"

namespace buzon::broker {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using tests::RawClient;
using tests::Received;
using tests::TestBroker;

/// A client that sends numbered messages, as fast as its socket takes them.
class Sender {
public:
    Sender(TestBroker& bus, bus::MessageFields fields) : bus_(bus), fields_(fields) {
        fields_.path = "/";
        fields_.interface = "a.b";
        fields_.member = "M";
        fields_.signature = "s";
    }
    /// `bytes`: of its text, with the number in front.
    void add(std::size_t bytes = 2000) {
        std::string text = std::to_string(count_++) + ' ';
        text.resize(std::max(bytes, text.size()), 'x');
        const auto message = client.make(fields_, text);
        left_.insert(left_.end(), message.begin(), message.end());
    }
    /// Sends what the socket takes. Returns whether everything has gone.
    bool send() {
        for (std::size_t part = 1; part > 0 && !left_.empty();) {
            part = client.send(left_);
            left_.erase(left_.begin(), left_.begin() + static_cast<std::ptrdiff_t>(part));
            bus_.settle();
        }
        return left_.empty();
    }
    /// Sends messages until the bus reads no more.
    void flood(std::size_t bytes = 2000) {
        do
            add(bytes);
        while (send());
    }
    [[nodiscard]] int count() const { return count_; }

private:
    TestBroker& bus_;
    bus::MessageFields fields_;
    std::vector<std::byte> left_;
    int count_ = 0;

public:
    RawClient client = RawClient::on(bus_);
};

/// The numbers of the messages of `member` M among `received`.
void add_numbers(std::vector<int>& numbers, const std::vector<Received>& received) {
    for (const Received& each : received)
        if (each.member == "M") numbers.push_back(std::stoi(each.text()));
}

std::vector<int> numbers_up_to(int count) {
    std::vector<int> all;
    for (int i = 0; i < count; ++i)
        all.push_back(i);
    return all;
}

/// Reads until nothing more comes; a long message comes in several parts.
std::vector<Received> drain(RawClient& client) {
    std::vector<Received> all;
    for (int idle = 0; idle < 16; ++idle) {
        auto part = client.take_all();
        if (!part.empty()) idle = 0;
        std::move(part.begin(), part.end(), std::back_inserter(all));
    }
    return all;
}

class Held : public testing::Test {
protected:
    [[nodiscard]] Sender one_way_to(const RawClient& receiver) {
        return {bus_,
                {.type = bus::MessageType::MethodCall,
                 .flags = bus::kFlagNoReplyExpected,
                 .destination = receiver.name()}};
    }
    [[nodiscard]] Sender signals_to(const RawClient& receiver) {
        return {bus_, {.type = bus::MessageType::Signal, .destination = receiver.name()}};
    }
    [[nodiscard]] Sender broadcasts() { return {bus_, {.type = bus::MessageType::Signal}}; }
    RawClient subscriber() { return subscriber(bus_); }
    static RawClient subscriber(TestBroker& bus) {
        auto client = RawClient::on(bus);
        client.call("AddMatch", "s", "interface='a.b'");
        client.take_all();
        return client;
    }
    [[nodiscard]] const Peer* peer_of(const RawClient& client) const {
        return bus_.state().peers.find(client.name());
    }
    [[nodiscard]] std::uint64_t held_by_bus() const {
        return bus_.state().accounts.bus().held(Resource::Bytes);
    }

    /// In a queue without room: a signal of one who has hung up. Returns the name of that.
    std::string leave_long_signal_behind() {
        auto sender = signals_to(receiver_);
        sender.add(1'000'000);
        EXPECT_TRUE(sender.send());
        sender.client.close();
        bus_.settle();
        return sender.client.name();
    }

    static constexpr std::uint64_t kBound = 400'000;
    TestBroker bus_{"<limit name='max_outgoing_bytes'>400000</limit>"};
    RawClient receiver_ = RawClient::on(bus_);
};

TEST_F(Held, EveryOneWayMessageArrivesOnceAndInItsOrder) {
    auto sender = one_way_to(receiver_);
    sender.flood();
    EXPECT_LT(peer_of(receiver_)->port().queued_bytes(), kBound);
    std::vector<int> received;
    while (!sender.send())
        add_numbers(received, receiver_.take_all());
    while (static_cast<int>(received.size()) < sender.count()) {
        const auto before = received.size();
        add_numbers(received, receiver_.take_all());
        ASSERT_GT(received.size(), before) << "nothing more comes";
    }
    EXPECT_EQ(received, numbers_up_to(sender.count()));
    EXPECT_THAT(sender.client.take_all(), IsEmpty()) << "no error";
    EXPECT_EQ(held_by_bus(), 0U);
}

TEST_F(Held, AMessageLongerThanTheRoomWaitsInsteadOfBeingRefused) {
    auto first = signals_to(receiver_), other = signals_to(receiver_);
    first.flood();
    const auto before = peer_of(receiver_)->port().queued_bytes();
    other.add(1'100'000);
    EXPECT_TRUE(other.send());
    EXPECT_EQ(peer_of(receiver_)->port().queued_bytes(), before) << "it is not queued";
    EXPECT_GT(peer_of(other.client)->in_flight()->bytes(), 1'100'000U) << "but charged";
    EXPECT_THAT(drain(receiver_), Contains(testing::Field(&Received::sender, other.client.name())));
    EXPECT_THAT(other.client.take_all(), IsEmpty());
}

TEST_F(Held, ATryThatFindsTheRoomTakenByAnotherIsNotANewStop) {
    auto filler = signals_to(receiver_);
    filler.add(350'000);
    EXPECT_TRUE(filler.send());
    auto first = signals_to(receiver_), second = signals_to(receiver_);
    for (Sender* const each : {&first, &second}) {
        each->add(350'000);
        EXPECT_TRUE(each->send());
    }
    EXPECT_EQ(bus_.broker().throttle().counts().throttled, 2U);
    EXPECT_EQ(drain(receiver_).size(), 3U);
    EXPECT_EQ(bus_.broker().throttle().counts().throttled, 2U);
    EXPECT_EQ(bus_.broker().throttle().size(), 0U);
}

TEST_F(Held, ABroadcastReachesEachSubscriberOnceAlthoughTheyReadAtDifferentTimes) {
    auto quick = subscriber(), slow = subscriber();
    auto sender = broadcasts();
    std::vector<int> to_quick, to_slow;
    for (int i = 0; i < 5; ++i) {
        sender.flood();
        EXPECT_GT(peer_of(slow)->port().queued_bytes(), 0U);
        add_numbers(to_quick, drain(quick));
        add_numbers(to_slow, drain(slow));
        while (!sender.send()) {
            add_numbers(to_slow, drain(slow));
            add_numbers(to_quick, drain(quick));
        }
    }
    add_numbers(to_quick, drain(quick));
    add_numbers(to_slow, drain(slow));
    EXPECT_EQ(to_quick, numbers_up_to(sender.count()));
    EXPECT_EQ(to_slow, numbers_up_to(sender.count()));
    EXPECT_EQ(held_by_bus(), 0U);
}

/// A program that has used up what it may have on the bus, and many who read its broadcasts.
class HeldForRoomOnTheBus : public Held {
protected:
    static constexpr std::size_t kSubscribers = 70;
    static constexpr std::size_t kSenders = 20;

    HeldForRoomOnTheBus() {
        while (subscribers_.size() < kSubscribers)
            subscribers_.push_back(subscriber(small_));
        while (senders_.size() < kSenders)
            senders_.emplace_back(small_, bus::MessageFields{.type = bus::MessageType::Signal});
        Sender crowd(small_, {.type = bus::MessageType::Signal, .destination = deaf_.name()});
        crowd.flood();
    }
    [[nodiscard]] std::size_t count_held(HeldKind kind) const {
        std::size_t count = 0;
        small_.broker().held_messages().for_each(
            [&](const HeldMessage& each) { count += each.kind() == kind ? 1U : 0U; });
        return count;
    }

    mutable TestBroker small_{
        "<limit name='max_outgoing_bytes'>8000000</limit>"
        "<limit name='max_message_size'>100000</limit>",
        tests::kAllowAll, "<limit name='max_bus_bytes'>3000000</limit>"};
    RawClient deaf_ = RawClient::on(small_);
    std::vector<RawClient> subscribers_;
    std::vector<Sender> senders_;
};

TEST_F(HeldForRoomOnTheBus, BroadcastsWaitAsAWholeWhereThereIsNoneForTheirLists) {
    for (Sender& each : senders_)
        each.flood();
    EXPECT_GT(count_held(HeldKind::Whole), 0U);
    std::size_t uncharged_lists = 0;
    small_.broker().held_messages().for_each([&](const HeldMessage& each) {
        if (each.receivers().size() > HeldMessage::kShortList &&
            each.charged_bytes() < HeldMessage::list_bytes(each.receivers().size()))
            ++uncharged_lists;
    });
    EXPECT_EQ(uncharged_lists, 0U);
}

TEST_F(HeldForRoomOnTheBus, EachArrivesOnceAndInOrderWhenThereIsRoom) {
    for (Sender& each : senders_)
        each.flood();
    ASSERT_GT(count_held(HeldKind::Whole), 0U);
    std::map<std::string, std::vector<int>> heard;
    std::size_t parts = 1;
    for (int round = 0; parts > 0 && round < 200; ++round) {
        drain(deaf_);
        small_.advance(200ms);
        const auto part = drain(subscribers_.front());
        parts = part.size();
        for (const Received& each : part)
            heard[each.sender].push_back(std::stoi(each.text()));
        for (std::size_t i = 1; i < subscribers_.size(); ++i)
            parts += drain(subscribers_[i]).size();
        for (Sender& each : senders_)
            parts += each.send() ? 0U : 1U;
    }
    for (const Sender& each : senders_)
        EXPECT_EQ(heard[each.client.name()], numbers_up_to(each.count()));
    EXPECT_EQ(small_.broker().throttle().size(), 0U);
}

TEST_F(Held, WhatASenderLeftBehindArrivesAsThereIsRoomAndThenItIsGone) {
    auto crowd = one_way_to(receiver_);
    crowd.flood();
    // More than the queue has room for, in the socket when its sender closes it.
    auto sender = one_way_to(receiver_);
    for (int i = 0; i < 40; ++i)
        sender.add(100'000);
    sender.send();
    const std::string name = sender.client.name();
    sender.client.close();
    bus_.settle();
    std::vector<int> of_sender;
    for (const Received& each : drain(receiver_))
        if (each.sender == name) of_sender.push_back(std::stoi(each.text()));
    EXPECT_THAT(of_sender, Not(IsEmpty()));
    EXPECT_EQ(of_sender, numbers_up_to(static_cast<int>(of_sender.size())));
    EXPECT_EQ(bus_.state().peers.find(name), nullptr);
    EXPECT_EQ(bus_.state().counts.dropped_messages, 0U);
}

TEST(HeldMessages, OfOneThatOnlyStoppedReadingArriveThoughItWasOverItsLimit) {
    constexpr std::uint64_t kMostUnderWay = 45'000;
    TestBroker bus(
        "<limit name='max_outgoing_bytes'>130000</limit>"
        "<limit name='max_incoming_bytes'>45000</limit>");
    RawClient receiver = RawClient::on(bus), other = RawClient::on(bus);
    Sender sender(bus, {.type = bus::MessageType::Signal, .destination = receiver.name()});
    sender.flood();
    const std::string name = sender.client.name();
    const Peer* const peer = bus.state().peers.find(name);
    ASSERT_GT(peer->in_flight()->queued_bytes(), kMostUnderWay);
    ASSERT_FALSE(bus.broker().throttle().held_since(peer->id()));

    sender.client.shut_down_reading();
    other.call_peer(name, "are you there?");
    bus.settle();
    ASSERT_TRUE(bus.broker().throttle().held_since(peer->id()))
        << "there is more in its socket than the queue has room for";
    const int whole = sender.count() - 1;
    sender.add();
    EXPECT_FALSE(sender.send()) << "it says no more, or it would be no last words";
    std::vector<int> of_sender;
    for (const Received& each : drain(receiver))
        if (each.sender == name) of_sender.push_back(std::stoi(each.text()));
    EXPECT_EQ(of_sender, numbers_up_to(whole));
    EXPECT_EQ(bus.state().peers.find(name), nullptr);
    EXPECT_EQ(bus.state().counts.dropped_messages, 0U);
}

TEST(HeldMessages, LongerThanTheLimitOfTheirSenderGoOnWhenThereIsRoom) {
    TestBroker bus(
        "<limit name='max_outgoing_bytes'>400000</limit>"
        "<limit name='max_incoming_bytes'>100000</limit>");
    RawClient receiver = RawClient::on(bus);
    const bus::MessageFields signal{.type = bus::MessageType::Signal,
                                    .destination = receiver.name()};
    std::vector<Sender> crowd;
    for (int i = 0; i < 8; ++i) {
        crowd.emplace_back(bus, signal);
        crowd.back().flood();
    }
    Sender sender(bus, signal);
    sender.add(350'000);
    ASSERT_TRUE(sender.send());
    const Peer* const peer = bus.state().peers.find(sender.client.name());
    ASSERT_TRUE(bus.broker().throttle().held_since(peer->id()));
    std::vector<int> of_sender;
    for (const Received& each : drain(receiver))
        if (each.sender == sender.client.name()) of_sender.push_back(std::stoi(each.text()));
    EXPECT_EQ(of_sender, numbers_up_to(1));
    EXPECT_FALSE(bus.broker().throttle().held_since(peer->id()));
}

TEST_F(Held, WhoHasHungUpWaitsOnlySoLongForAReceiverThatTakesNothing) {
    auto crowd = one_way_to(receiver_);
    crowd.flood();
    const std::string name = leave_long_signal_behind();
    for (int i = 0; i < 10; ++i)
        EXPECT_FALSE(bus_.turn()) << "the loop sleeps";
    for (int i = 0; i < 30; ++i)
        bus_.advance(1s);
    EXPECT_EQ(bus_.state().peers.find(name), nullptr);
    EXPECT_EQ(peer_of(receiver_), nullptr) << "it has kept others waiting";
    EXPECT_EQ(peer_of(crowd.client)->in_flight()->bytes(), 0U);
}

TEST_F(Held, ASenderWhoseReceiverIsDisconnectedMeanwhileGetsAnError) {
    auto sender = signals_to(receiver_);
    sender.flood();
    bus_.advance(1s);
    receiver_.close();
    bus_.settle();
    std::vector<std::string> errors;
    for (const Received& each : sender.client.take_all())
        errors.push_back(each.error_name);
    EXPECT_THAT(errors, AllOf(Not(IsEmpty()),
                              testing::Each(std::string(bus::error_name::kServiceUnknown))));
    EXPECT_EQ(peer_of(sender.client)->in_flight()->bytes(), 0U);
}

TEST_F(Held, WhoHasHungUpDoesNotWaitForEverForOneThatReadsALittleNowAndThen) {
    auto crowd = one_way_to(receiver_);
    crowd.flood();
    const std::string name = leave_long_signal_behind();
    EXPECT_NE(bus_.state().peers.find(name), nullptr);
    for (int i = 0; i < 30; ++i) {
        std::array<std::byte, 5000> some{};
        EXPECT_GT(::read(receiver_.socket(), some.data(), some.size()), 0);
        bus_.advance(1s);
    }
    EXPECT_EQ(bus_.state().peers.find(name), nullptr);
    EXPECT_NE(peer_of(receiver_), nullptr);
    EXPECT_EQ(bus_.state().counts.dropped_messages, 1U);
    EXPECT_THAT(bus_.log_lines(), Contains(AllOf(HasSubstr("Dropped a message of " + name),
                                                 HasSubstr("for which 1 receivers"))));
}

/// A signal of 10,000 bytes, from one who may have so many: what the bus adds has no room.
TEST(HeldMessage, IsChargedAsItWasSentIfThereIsNoRoomForMore) {
    bus::MessageBuilder builder;
    builder.start_body().write_string(std::string(10'000, 'x'));
    const auto message = builder.build({.type = bus::MessageType::Signal,
                                        .serial = 1,
                                        .path = "/",
                                        .interface = "a.b",
                                        .member = "M",
                                        .signature = "s"});
    for (const std::size_t room : {message.size() - 1, message.size(), message.size() + 1000}) {
        QuotaLimits limits;
        for (auto& pool : limits.pools)
            pool = {.capacity = 1'000'000'000};
        limits.user_caps[UserId{1}] = QuotaLimits::no_caps();
        limits.user_caps[UserId{1}][static_cast<std::size_t>(Resource::Bytes)] = room;
        AccountTree tree(limits);
        auto account = tree.open(UserId{1}, PrincipalKey(ProcessKey{.pid = 10, .start_time = 1}));
        const auto sender =
            bus::make_ref<InFlight>(static_cast<InFlightListener*>(nullptr), account->payer());
        HeldMessage held(message, HeldKind::ToOne, {PeerId{1}}, {PeerId{1}});
        bus::ReadArena arena;
        EXPECT_TRUE(held.charge_to(sender, arena));
        const std::size_t expected = room < message.size()    ? 0
                                     : room == message.size() ? message.size()
                                                              : held.held_bytes();
        EXPECT_EQ(held.charged_bytes(), expected);
        EXPECT_EQ(sender->bytes(), expected);
        EXPECT_EQ(arena.aside(), held.held_bytes() - expected) << "what nobody pays for is bounded";
        held.release_charge();
        EXPECT_EQ(arena.aside(), 0U);
        EXPECT_EQ(sender->bytes(), 0U);
    }
}

/// A copy of it has taken all that the sender may have.
TEST(HeldMessage, IsPaidForByItsCopiesAndKeepsWhatTheyGiveBack) {
    bus::BlockPool pool;
    bus::MessageBuilder builder;
    builder.start_body().write_string(std::string(10'000, 'x'));
    const auto built = builder.build({.type = bus::MessageType::Signal,
                                      .serial = 1,
                                      .path = "/",
                                      .interface = "a.b",
                                      .member = "M",
                                      .signature = "s"});
    const bus::OutgoingMessage shared{built.header, built.head, built.body, pool.take(1), nullptr};
    QuotaLimits limits;
    for (auto& each : limits.pools)
        each = {.capacity = 1'000'000'000};
    limits.user_caps[UserId{1}] = QuotaLimits::no_caps();
    limits.user_caps[UserId{1}][static_cast<std::size_t>(Resource::Bytes)] = 15'000;
    AccountTree tree(limits);
    auto account = tree.open(UserId{1}, PrincipalKey(ProcessKey{.pid = 10, .start_time = 1}));
    const auto sender =
        bus::make_ref<InFlight>(static_cast<InFlightListener*>(nullptr), account->payer());
    ASSERT_FALSE(sender->try_add(12'000, 0));
    std::optional<InFlightCharge> copy(std::in_place, sender, 12'000, 0);

    const std::vector<PeerId> receivers{PeerId{1}, PeerId{2}}, waiting{PeerId{2}};
    bus::ReadArena arena;
    HeldMessage own(built, HeldKind::Broadcast, receivers, waiting);
    EXPECT_TRUE(own.charge_to(sender, arena));
    EXPECT_EQ(arena.aside(), own.held_bytes()) << "its memory is not that of a copy";
    HeldMessage nobodys(shared, HeldKind::Broadcast, receivers, receivers);
    EXPECT_TRUE(nobodys.charge_to(sender, arena));
    EXPECT_EQ(arena.aside(), 2 * own.held_bytes()) << "there is no copy";
    own.release_charge();
    nobodys.release_charge();
    ASSERT_EQ(arena.aside(), 0U);

    HeldMessage first(shared, HeldKind::Broadcast, receivers, waiting);
    HeldMessage second(shared, HeldKind::Broadcast, receivers, waiting);
    EXPECT_TRUE(first.charge_to(sender, arena));
    EXPECT_EQ(first.charged_bytes(), 0U);
    EXPECT_EQ(arena.aside(), 0U) << "the copy pays";
    EXPECT_TRUE(second.charge_to(sender, arena));
    EXPECT_EQ(arena.aside(), second.held_bytes()) << "the copy pays once";

    copy.reset();
    EXPECT_EQ(first.charged_bytes(), first.held_bytes());
    EXPECT_EQ(sender->bytes(), first.held_bytes());
    EXPECT_EQ(tree.bus().held(Resource::Bytes), first.held_bytes());
    EXPECT_EQ(first.charged(), sender.get());
    HeldMessage moved = std::move(first);
    EXPECT_EQ(moved.charged_bytes(), moved.held_bytes());
    moved.release_charge();
    EXPECT_EQ(sender->bytes(), 0U);
    EXPECT_EQ(tree.bus().held(Resource::Bytes), 0U);
    EXPECT_EQ(tree.verify(), "");
}

TEST(HeldForDescriptors, NeitherLoseTheirMessageNorKeepTheLoopAwake) {
    TestBroker bus(
        "<limit name='max_outgoing_unix_fds'>40</limit>"
        "<limit name='max_message_unix_fds'>16</limit>"
        "<limit name='max_incoming_unix_fds'>100000</limit>");
    auto receiver = RawClient::on(bus), sender = RawClient::on(bus);
    int sent = 0;
    for (; sent < 2000 &&
           !bus.broker().throttle().held_since(bus.state().peers.find(sender.name())->id());
         ++sent) {
        ASSERT_TRUE(sender.send_with_descriptors({.type = bus::MessageType::Signal,
                                                  .path = "/",
                                                  .interface = "a.b",
                                                  .member = "M",
                                                  .destination = receiver.name(),
                                                  .signature = "s"},
                                                 16, std::string(4000, 'x')));
        bus.settle();
    }
    ASSERT_LT(sent, 2000) << "it has to wait at some time";
    std::size_t received = 0;
    for (const Received& each : drain(receiver))
        received += each.descriptors;
    EXPECT_EQ(received, static_cast<std::size_t>(sent) * 16);
    EXPECT_THAT(sender.take_all(), IsEmpty());
}

/// A bus that has few descriptors, and a receiver that takes nothing.
class FewDescriptors : public testing::Test {
protected:
    static constexpr std::uint64_t kOfProcess = 1024;

    RawClient with_full_socket(std::string_view rule = "") {
        auto client = RawClient::on(bus_);
        if (!rule.empty()) client.call("AddMatch", "s", rule);
        client.take_all();
        while (bus_.state().peers.find(client.name())->port().empty()) {
            filler_.call_peer(client.name(), std::string(20'000, 'x'), bus::kFlagNoReplyExpected);
            bus_.settle();
        }
        return client;
    }
    void signal(RawClient& sender, std::string_view destination, std::size_t descriptors) {
        ASSERT_TRUE(sender.send_with_descriptors({.type = bus::MessageType::Signal,
                                                  .path = "/",
                                                  .interface = "a.b",
                                                  .member = "M",
                                                  .destination = destination,
                                                  .signature = "s"},
                                                 descriptors, std::string(20'000, 'x')));
        bus_.settle();
    }
    [[nodiscard]] std::uint64_t held() const {
        return bus_.state().accounts.bus().held(Resource::Descriptors);
    }

    TestBroker bus_{"<limit name='max_connections_per_user'>1000</limit>", tests::kAllowAll, "",
                    kOfProcess};
    RawClient filler_ = RawClient::on(bus_);
};

TEST_F(FewDescriptors, AreChargedWhileTheirMessagesWait) {
    constexpr int kMany = 30;
    const RawClient deaf = with_full_socket();
    const std::uint64_t capacity =
        bus_.state().accounts.bus().share(Resource::Descriptors).pool().limits().capacity;
    std::vector<RawClient> senders;
    for (int i = 0; i < kMany; ++i) {
        senders.push_back(RawClient::on(bus_));
        signal(senders.back(), deaf.name(), 16);
    }
    const auto left =
        std::count_if(senders.begin(), senders.end(), [this](const RawClient& sender) {
            return bus_.state().peers.find(sender.name()) != nullptr;
        });
    ASSERT_LT(left, kMany) << "those for which there was no room have been ended";
    EXPECT_EQ(held(), static_cast<std::uint64_t>(left) * 16);
    EXPECT_LE(held(), capacity * 3 / 4);
    EXPECT_THAT(bus_.log_lines(), Contains(HasSubstr("16 file descriptors for which there is no")));
    EXPECT_NE(bus_.state().peers.find(deaf.name()), nullptr);
}

TEST_F(FewDescriptors, OfABroadcastThatWaitsForItsOwnFirstCopyAreNotInItsWay) {
    RawClient first = with_full_socket("member='M'"), second = with_full_socket("member='M'");
    RawClient broadcaster = RawClient::on(bus_);
    bus_.advance(2s);
    std::size_t count = 8;
    const auto is_held = [&] {
        return bus_.broker()
            .throttle()
            .held_since(bus_.state().peers.find(broadcaster.name())->id())
            .has_value();
    };
    while (!is_held() && ++count <= 16)
        signal(broadcaster, "", count);
    ASSERT_TRUE(is_held());
    for (RawClient* const each : {&first, &second})
        EXPECT_THAT(drain(*each), Contains(testing::Field(&Received::descriptors, count)));
    EXPECT_FALSE(is_held());
    EXPECT_EQ(held(), 0U);
}

}  // namespace
}  // namespace buzon::broker
