// SPDX-License-Identifier: Apache-2.0
// What the bus holds of messages that have not come whole, and who pays for it, on a whole broker.
#include "broker/peer_input.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/test_broker.h"

namespace buzon::broker {
namespace {

using bus::ReadArena;
using tests::RawClient;
using tests::TestBroker;
using Bytes = std::vector<std::byte>;

/// A program that leaves first parts of messages in the bus and may have no more there.
class FirstParts : public testing::Test {
protected:
    static constexpr std::size_t kTotal = 64'000;
    static constexpr std::size_t kPart = 60'000;

    FirstParts() {
        // The share of the second of two connections is less than that of the first.
        while (!waits(begin(kTotal, 100)))
            if (clients_.size() > 200) std::abort();
    }
    /// Another client that sends so much of such a message to the receiver.
    RawClient& begin(std::size_t total, std::size_t part) {
        clients_.push_back(RawClient::on(bus_));
        send_part(clients_.back(), total, part);
        return clients_.back();
    }
    void send_part(RawClient& client, std::size_t total, std::size_t part) {
        message_ = client.make({.type = bus::MessageType::MethodCall,
                                .flags = bus::kFlagNoReplyExpected,
                                .path = "/",
                                .interface = "a.b",
                                .member = "M",
                                .destination = receiver_.name(),
                                .signature = "s"},
                               std::string(total, 'x'));
        EXPECT_EQ(client.send(std::span(message_).first(part)), part);
    }
    /// The same, read as far as the bus reads it.
    RawClient& begin_and_settle(std::size_t total, std::size_t part) {
        RawClient& client = begin(total, part);
        bus_.settle();
        return client;
    }
    bool waits(const RawClient& client) {
        bus_.settle();
        const Peer* const peer = bus_.state().peers.find(client.name());
        return peer && bus_.broker().throttle().held_since(peer->id());
    }
    /// All that it has sent has been taken from its socket.
    static bool is_read_empty(const RawClient& client) {
        int left = 0;
        if (::ioctl(client.socket(), SIOCOUTQ, &left) < 0) std::abort();
        return left == 0;
    }
    [[nodiscard]] std::uint64_t charged() const {
        return bus_.state().accounts.bus().held(Resource::Bytes);
    }

    TestBroker bus_{
        "<limit name='max_connections_per_user'>1000</limit>"
        "<limit name='max_message_size'>400000</limit>",
        tests::kAllowAll, "<limit name='max_bus_bytes'>4000000</limit>"};
    RawClient receiver_ = RawClient::on(bus_);
    std::vector<RawClient> clients_;
    Bytes message_;
};

TEST_F(FirstParts, OfAllThatWaitForRoomAreBounded) {
    constexpr std::size_t kMany = 250;
    const std::size_t first = clients_.size();
    for (std::size_t i = 0; i < kMany; ++i)
        begin_and_settle(kTotal, kPart);
    const auto read = std::count_if(clients_.begin() + static_cast<std::ptrdiff_t>(first),
                                    clients_.end(), is_read_empty);
    EXPECT_GT(read, 0);
    EXPECT_LE(static_cast<std::size_t>(read) * kPart,
              charged() + ReadArena::kMuchAside + ReadArena::kReadBytes);
    EXPECT_GE(bus_.broker().read_ahead_bytes(), ReadArena::kMuchAside);
    EXPECT_LE(bus_.broker().read_ahead_bytes(),
              ReadArena::kMuchAside + ReadArena::kReadBytes + kMany * ReadArena::kSmallReadBytes);
    clients_.clear();
    bus_.settle();
    EXPECT_EQ(bus_.broker().read_ahead_bytes(), 0U);
    EXPECT_EQ(charged(), 0U);
}

TEST_F(FirstParts, AreReadOnWhenThereIsRoom) {
    RawClient last = std::move(begin_and_settle(kTotal, kPart));
    ASSERT_TRUE(waits(last));
    EXPECT_GE(bus_.broker().read_ahead_bytes(), kPart);
    const std::span<const std::byte> rest = std::span(message_).subspan(kPart);
    EXPECT_EQ(last.send(rest), rest.size());
    EXPECT_TRUE(receiver_.take_all().empty());
    clients_.clear();
    EXPECT_EQ(receiver_.take_all().size(), 1U);
    EXPECT_FALSE(waits(last));
    EXPECT_EQ(bus_.broker().read_ahead_bytes(), 0U);
}

TEST_F(FirstParts, OfWhoHangsUpAreReadOnAtOnce) {
    RawClient whole = std::move(begin_and_settle(kTotal, kPart));
    whole.send(std::span(message_).subspan(kPart));
    RawClient half = std::move(begin_and_settle(kTotal, kPart));
    half.send(std::span(message_).subspan(kPart, 1000));
    ASSERT_TRUE(waits(whole) && waits(half));
    for (RawClient* const client : {&whole, &half}) {
        client->close();
        bus_.settle();
        EXPECT_EQ(bus_.state().peers.find(client->name()), nullptr);
    }
    EXPECT_EQ(receiver_.take_all().size(), 1U) << "for which its queue has room";
}

TEST_F(FirstParts, OfThoseWhoHangUpDoNotAddUp) {
    constexpr std::size_t kMany = 60;
    const std::size_t first = clients_.size();
    const std::size_t before = bus_.broker().read_ahead_bytes();
    for (std::size_t i = 0; i < kMany; ++i)
        clients_.push_back(RawClient::on(bus_));
    for (std::size_t i = first; i < clients_.size(); ++i) {
        send_part(clients_[i], 300'000, 120'000);
        clients_[i].close();
    }
    for (bool is_busy = true; is_busy;) {
        is_busy = bus_.turn() || bus_.loop().has_tasks();
        EXPECT_LE(bus_.broker().read_ahead_bytes(), before) << "between two turns";
    }
    for (std::size_t i = first; i < clients_.size(); ++i)
        EXPECT_EQ(bus_.state().peers.find(clients_[i].name()), nullptr);
}

TEST(AuthDialogue, PaysForALongLineThatHasNotCome) {
    TestBroker bus;
    const auto charged = [&bus] { return bus.state().accounts.bus().held(Resource::Bytes); };
    RawClient client(bus);
    client.send_text(std::string(1, '\0') + "AUTH " + std::string(10'000, 'X'));
    bus.settle();
    EXPECT_GE(charged(), 10'000U);
    client.send_text("\r\n");
    bus.settle();
    EXPECT_EQ(charged(), 0U);
    EXPECT_FALSE(client.is_closed()) << "it may try another mechanism";
}

}  // namespace
}  // namespace buzon::broker
