// SPDX-License-Identifier: Apache-2.0
// How much of the bus one answer about quotas looks at: broker/driver_quota.cc, on a whole broker.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/test_broker.h"

namespace buzon::broker {
namespace {

using tests::RawClient;
using tests::Received;
using tests::TestBroker;

constexpr std::size_t kReceivers = 200;
constexpr std::size_t kSenders = 120;
constexpr std::size_t kMostLooks = 20'000;
static_assert(kReceivers * kSenders > kMostLooks + 10 * kSenders);

class Queues : public testing::Test {
protected:
    Queues() {
        for (std::size_t i = 0; i < kReceivers; ++i) {
            receivers_.push_back(RawClient::on(bus_));
            receivers_.back().call("AddMatch", "s", "member='S'");
        }
        fill_free_parts();
        for (std::size_t i = 0; i < kSenders; ++i) {
            senders_.push_back(RawClient::on(bus_));
            for (const RawClient& receiver : receivers_)
                senders_.back().call_peer(receiver.name(), "", bus::kFlagNoReplyExpected);
            bus_.settle();
        }
    }
    /// Only those are known, and told of, who have something beyond that part of a queue.
    void fill_free_parts() {
        const Port& port = bus_.state().peers.find(receivers_.back().name())->port();
        const std::uint64_t free = port.limits().bytes / 4;
        const auto emit = [this](std::size_t bytes) {
            filler_.emit(std::string(bytes, 'x'));
            bus_.settle();
        };
        while (port.queued_bytes() < free) {
            emit(60'000);
        }
        for (const std::size_t bytes : {6'000U, 600U, 60U})
            for (int i = 0; i < 12; ++i)
                emit(bytes);
    }
    /// How many of the receivers are named in such an answer.
    [[nodiscard]] std::size_t count_told(const Received& answer) const {
        const auto* const text = reinterpret_cast<const char*>(answer.body.data());
        const std::string_view body(text, answer.body.size());
        return static_cast<std::size_t>(
            std::count_if(receivers_.begin(), receivers_.end(), [body](const RawClient& each) {
                // With the terminating zero: no other name begins with it.
                return body.find({each.name().c_str(), each.name().size() + 1}) != body.npos;
            }));
    }

    TestBroker bus_{
        "<limit name='max_outgoing_bytes'>4000000</limit>"
        "<limit name='max_incoming_bytes'>16000000000</limit>"
        "<limit name='max_connections_per_user'>1000</limit>",
        tests::kAllowAll, "<limit name='max_bus_bytes'>16000000000</limit>"};
    RawClient reader_ = RawClient::on(bus_);
    RawClient filler_ = RawClient::on(bus_);
    std::vector<RawClient> receivers_, senders_;
};

TEST_F(Queues, OfManySendersAreNotAllToldOfButCounted) {
    reader_.take_all();
    reader_.call("GetQueues", "u", "", "org.buzon.Quota1");
    Received answer;
    for (int part = 0; part < 100 && answer.reply_serial == 0; ++part)
        answer = reader_.next_reply();
    ASSERT_EQ(answer.signature, "a(tstttttta(ttstt))u");
    const std::size_t told = count_told(answer);
    EXPECT_GE(told, kMostLooks / kSenders);
    EXPECT_LT(told, kReceivers);
    std::uint32_t all = 0;
    std::memcpy(&all, answer.body.data() + answer.body.size() - sizeof all, sizeof all);
    EXPECT_EQ(all, kReceivers);
}

}  // namespace
}  // namespace buzon::broker
