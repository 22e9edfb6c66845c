// SPDX-License-Identifier: Apache-2.0
// Messages that come in many parts, and room for them: broker/peer_input.h, on a whole broker.
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

using std::chrono_literals::operator""s;
using testing::Contains;
using testing::HasSubstr;
using tests::RawClient;
using tests::TestBroker;

class LongMessages : public testing::Test {
protected:
    static constexpr std::size_t kBodyBytes = 20'000'000;

    /// The first bytes of a message of some kBodyBytes.
    static void begin(TestBroker& bus, RawClient& client) {
        const auto message = client.make({.type = bus::MessageType::MethodCall,
                                          .path = "/",
                                          .interface = "a.b",
                                          .member = "M",
                                          .destination = client.name(),
                                          .signature = "s"},
                                         std::string(kBodyBytes, 'x'));
        client.send(std::span(message).first(1000));
        bus.settle();
    }
    [[nodiscard]] static std::uint64_t held(const TestBroker& bus) {
        return bus.state().accounts.bus().held(Resource::Bytes);
    }

    TestBroker bus_;
};

TEST_F(LongMessages, AreChargedWholeFromTheirFirstPartOn) {
    auto client = RawClient::on(bus_);
    begin(bus_, client);
    EXPECT_GE(held(bus_), kBodyBytes);
    EXPECT_LT(held(bus_), kBodyBytes + 1000);
    client.close();
    bus_.settle();
    EXPECT_EQ(held(bus_), 0U);
}

TEST_F(LongMessages, AreNotChargedTwiceWhenTheyArrive) {
    auto client = RawClient::on(bus_);
    const auto message = client.make({.type = bus::MessageType::Signal,
                                      .path = "/",
                                      .interface = "a.b",
                                      .member = "M",
                                      .destination = client.name(),
                                      .signature = "s"},
                                     std::string(kBodyBytes, 'x'));
    std::size_t received = 0;
    for (std::size_t sent = 0; sent < message.size();) {
        sent += client.send(std::span(message).subspan(sent));
        bus_.settle();
        received += client.read_available().size();
    }
    for (int i = 0; i < 1000 && received == 0; ++i)
        received += client.take_all().size();
    EXPECT_EQ(received, 1U);
    EXPECT_EQ(held(bus_), 0U);
}

TEST_F(LongMessages, WaitForRoomInsteadOfFillingMemoryAndGoOnWhenThereIsSome) {
    std::vector<RawClient> clients;
    for (int i = 0; i < 12; ++i) {
        clients.push_back(RawClient::on(bus_));
        begin(bus_, clients.back());
    }
    const auto bound = bus_.state().accounts.bus().held(Resource::Bytes);
    EXPECT_GE(bound, kBodyBytes);
    EXPECT_LT(bound, 6 * kBodyBytes) << "one program has half of 256 MiB at most";
    EXPECT_THAT(bus_.log_lines(), Contains(HasSubstr("more wanted")));

    // Halves have a deadline, so those who wait get their turn.
    for (int i = 0; i < 12 * 65; ++i)
        bus_.advance(1s);
    EXPECT_EQ(held(bus_), 0U);
    for (RawClient& client : clients)
        EXPECT_TRUE(client.is_closed()) << "none has gone on within its minute";
}

}  // namespace
}  // namespace buzon::broker
