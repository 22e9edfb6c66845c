// SPDX-License-Identifier: Apache-2.0
// broker/port_writes.h, on a whole broker with more subscribers than are written in one turn.
#include "broker/port_writes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "tests/support/test_broker.h"

namespace buzon::broker {
namespace {

using testing::Each;
using testing::SizeIs;
using tests::RawClient;
using tests::Received;
using tests::TestBroker;

constexpr std::size_t kSubscribers = PortWrites::kSpreadPerTurn * 2 + 10;

class FanOut : public testing::Test {
protected:
    FanOut() {
        for (std::size_t i = 0; i < kSubscribers; ++i) {
            subscribers_.push_back(RawClient::on(bus_));
            subscribers_.back().call("AddMatch", "s", "interface='a.b'");
            subscribers_.back().take_all();
        }
    }
    /// What each has got so far, without turning the loop.
    void read_all() {
        for (std::size_t i = 0; i < kSubscribers; ++i)
            for (Received& each : subscribers_[i].read_available())
                received_[i].push_back(std::move(each));
    }
    [[nodiscard]] std::size_t how_many_have(std::size_t messages) const {
        const auto count = std::count_if(received_.begin(), received_.end(),
                                         [&](const auto& own) { return own.size() >= messages; });
        return static_cast<std::size_t>(count);
    }

    TestBroker bus_{"<limit name='max_connections_per_user'>1000</limit>"};
    RawClient sender_ = RawClient::on(bus_);
    std::vector<RawClient> subscribers_;
    std::vector<std::vector<Received>> received_{kSubscribers};
};

TEST_F(FanOut, ToManyIsWrittenOverSeveralTurns) {
    sender_.emit("hello");
    std::vector<std::size_t> after_turn;
    for (int i = 0; i < 3; ++i) {
        bus_.turn();
        read_all();
        after_turn.push_back(how_many_have(1));
    }
    EXPECT_EQ(after_turn, (std::vector{PortWrites::kSpreadPerTurn, 2 * PortWrites::kSpreadPerTurn,
                                       kSubscribers}));
    bus_.settle();
    read_all();
    EXPECT_THAT(received_, Each(SizeIs(1)));
}

TEST_F(FanOut, WhoGetsSomethingElseAsWellIsWrittenAtOnceAndInOrder) {
    sender_.emit("first");
    sender_.call_peer(subscribers_.back().name(), "second", bus::kFlagNoReplyExpected);
    bus_.turn();
    read_all();
    ASSERT_EQ(received_.back().size(), 2U);
    EXPECT_EQ(received_.back()[0].text(), "first");
    EXPECT_EQ(received_.back()[1].text(), "second");
    EXPECT_LT(how_many_have(1), kSubscribers);
    bus_.settle();
    read_all();
    EXPECT_EQ(how_many_have(1), kSubscribers);
}

TEST_F(FanOut, OneThatEndsBeforeItsTurnIsNoHarm) {
    sender_.emit("hello");
    bus_.turn();
    const std::string name = subscribers_.back().name();
    subscribers_.back().close();
    bus_.settle();
    EXPECT_EQ(bus_.state().peers.find(name), nullptr);
    subscribers_.pop_back();
    for (auto& subscriber : subscribers_)
        EXPECT_THAT(subscriber.read_available(), SizeIs(testing::Ge(1U)));
}

/// Its socket takes whatever is written.
class Bottomless final : public WritingPort {
public:
    explicit Bottomless(PortWrites& writes) : writes_(writes) {}
    [[nodiscard]] std::size_t queued_bytes() const override { return queued_; }
    [[nodiscard]] std::size_t written() const { return kQueued - queued_; }
    void run_task() override {
        queued_ -= kAtOnce;
        if (queued_ > 0) writes_.put_off(*this);
    }

private:
    static constexpr std::size_t kAtOnce = PortWrites::kSpreadBytesPerTurn / 4;
    static constexpr std::size_t kQueued = PortWrites::kSpreadBytesPerTurn * 3;

    PortWrites& writes_;
    std::size_t queued_ = kQueued;
};

TEST(PortWrites, OneThatIsReadAsFastAsItIsWrittenWaitsForTheNextTurnLikeOthers) {
    bus::EventLoop loop([] { return bus::TimePoint{}; });
    PortWrites writes(loop);
    Bottomless port(writes);
    writes.put_off(port);
    std::vector<std::size_t> after_turn;
    for (int i = 0; i < 4; ++i) {
        loop.turn(bus::Duration::zero());
        after_turn.push_back(port.written() / PortWrites::kSpreadBytesPerTurn);
    }
    EXPECT_EQ(after_turn, (std::vector<std::size_t>{1, 2, 3, 3}));
}

}  // namespace
}  // namespace buzon::broker
