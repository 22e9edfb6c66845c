// SPDX-License-Identifier: Apache-2.0
// What tests of throttling have in common: a bus with short queues, and those who fill them.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "tests/support/test_broker.h"

namespace buzon::broker {

inline constexpr std::uint64_t kBound = 400'000;
// What the kernel takes at both ends before anything stays with the bus.
inline constexpr int kEnoughToFillSockets = 4000;

/// One who sends more than others take, on a whole broker.
class Flood : public testing::Test {
protected:
    /// Sends `fields` with 2,000 bytes each until the socket takes no more, or `most` of them.
    /// Returns how many went out.
    int flood(tests::RawClient& sender,
              bus::MessageFields fields,
              int most = kEnoughToFillSockets) {
        fields.path = "/";
        fields.interface = "a.b";
        fields.member = "M";
        fields.signature = "s";
        int sent = 0;
        for (; sent < most; ++sent) {
            const auto bytes = sender.make(fields, std::string(2000, 'x'));
            std::size_t done = 0;
            for (int idle = 0; done < bytes.size() && idle < 3; ++idle) {
                const std::size_t part = sender.send(std::span(bytes).subspan(done));
                done += part;
                if (part > 0) idle = 0;
                bus_.settle();
            }
            if (done < bytes.size()) return sent;  // a part of the last one is in the socket
        }
        return sent;
    }
    int flood_one_way(tests::RawClient& sender, const tests::RawClient& receiver) {
        return flood(sender, {.type = bus::MessageType::MethodCall,
                              .flags = bus::kFlagNoReplyExpected,
                              .destination = receiver.name()});
    }
    int broadcast(tests::RawClient& sender, int most) {
        return flood(sender, {.type = bus::MessageType::Signal}, most);
    }
    [[nodiscard]] bool is_on_the_bus(const tests::RawClient& client) const {
        return bus_.state().peers.find(client.name()) != nullptr;
    }
    [[nodiscard]] std::uint64_t queued_for(const tests::RawClient& client) const {
        return bus_.state().peers.find(client.name())->port().queued_bytes();
    }
    /// Asks for the name a.b.
    static void request_name(tests::RawClient& client, std::uint32_t flags) {
        auto bytes = client.make({.type = bus::MessageType::MethodCall,
                                  .path = bus::kDriverPath,
                                  .interface = bus::kDriverName,
                                  .member = "RequestName",
                                  .destination = bus::kDriverName,
                                  .signature = "su"},
                                 "a.b");
        std::memcpy(bytes.data() + bytes.size() - sizeof flags, &flags, sizeof flags);
        client.send(bytes);
    }
    tests::RawClient subscriber() {
        auto client = tests::RawClient::on(bus_);
        client.call("AddMatch", "s", "interface='a.b'");
        client.take_all();
        return client;
    }

    tests::TestBroker bus_{
        "<limit name='max_outgoing_bytes'>400000</limit>"
        "<limit name='max_connections_per_user'>1000</limit>"};
    tests::RawClient sender_ = tests::RawClient::on(bus_);
};

}  // namespace buzon::broker
