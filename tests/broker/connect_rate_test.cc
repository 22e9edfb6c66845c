// SPDX-License-Identifier: Apache-2.0
#include "broker/connect_rate.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "bus/guid.h"
#include "tests/support/test_broker.h"

namespace buzon::broker {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using tests::RawClient;
using tests::TestBroker;

QuotaLimits limits() {
    QuotaLimits limits;
    for (auto& pool : limits.pools)
        pool = {.capacity = 1'000'000};
    return limits;
}

constexpr std::uint32_t kRate = 10;
constexpr int kAtOnce = 101;  // ten a second for ten seconds, and the one whose turn it is

class ConnectRateTest : public testing::Test {
protected:
    Arrival from(std::uint64_t program, std::uint32_t user = 1) {
        return {.socket = {},
                .credentials = {},
                .account = std::move(*tree_.open(UserId{user}, ProcessInode{program})),
                .guid = guid_};
    }
    bool passes(std::uint64_t program, std::uint32_t rate = kRate) {
        return rate_.pass(from(program), rate, now_).has_value();
    }
    int pass(std::uint64_t program, int count, std::uint32_t rate = kRate) {
        int passed = 0;
        for (int i = 0; i < count; ++i)
            passed += passes(program, rate) ? 1 : 0;
        return passed;
    }
    /// The programs of those whose turn has come.
    std::vector<std::uint64_t> take_due() {
        std::vector<std::uint64_t> programs;
        while (const auto arrival = rate_.take_due(now_)) {
            const auto& key = std::get<PrincipalKey>(arrival->principal().key());
            programs.push_back(std::get<ProcessInode>(key).inode);
        }
        return programs;
    }

    AccountTree tree_{limits()};
    const bus::Guid guid_ = bus::generate_guid();
    bus::TimePoint now_{std::chrono::hours(1)};
    bus::EventLoop loop_{[this] { return now_; }};
    ConnectRate rate_{loop_};
};

TEST_F(ConnectRateTest, LetsABurstInAndThenSoManyASecond) {
    EXPECT_EQ(pass(7, 200), kAtOnce);
    EXPECT_EQ(rate_.size(), 200U - kAtOnce);
    EXPECT_EQ(rate_.next_due(), now_ + 100ms);
    EXPECT_TRUE(take_due().empty());
    now_ += 100ms;
    EXPECT_EQ(take_due().size(), 1U);
    now_ += 1s;
    EXPECT_EQ(take_due().size(), kRate);
}

TEST_F(ConnectRateTest, KeepsTheOrderOfAProgramAndLetsOthersPass) {
    pass(7, kAtOnce);
    EXPECT_FALSE(passes(7));
    EXPECT_TRUE(passes(8));
    EXPECT_TRUE(rate_.pass(from(7, 2), kRate, now_)) << "another user's";
    now_ += 50ms;
    EXPECT_FALSE(passes(7)) << "behind the one that waits";
    now_ += 50ms;
    EXPECT_EQ(take_due(), (std::vector<std::uint64_t>{7}));
    EXPECT_EQ(rate_.next_due(), now_ + 100ms);
}

TEST_F(ConnectRateTest, GivesBackABurstToWhoHasWaited) {
    pass(7, kAtOnce);
    now_ += 5s;
    EXPECT_EQ(pass(7, 200), 50);
    now_ += std::chrono::hours(1);
    while (!take_due().empty()) {
        now_ += 10s;
    }
    now_ += std::chrono::hours(1);
    EXPECT_EQ(pass(7, 200), kAtOnce) << "no more than that";
}

TEST_F(ConnectRateTest, DropsTheNewestOfTheProgramWithMost) {
    pass(7, kAtOnce + 2);
    pass(8, kAtOnce + 3);
    const Arrival dropped = rate_.drop_newest();
    EXPECT_EQ(std::get<PrincipalKey>(dropped.principal().key()), PrincipalKey(ProcessInode{8}));
    EXPECT_EQ(rate_.size(), 4U);
    for (int i = 0; i < 4; ++i)
        (void)rate_.drop_newest();
    EXPECT_EQ(rate_.size(), 0U);
    EXPECT_FALSE(rate_.next_due());
    now_ += 1s;
    EXPECT_TRUE(take_due().empty());
    EXPECT_TRUE(passes(7));
}

TEST_F(ConnectRateTest, HasNoLimitAtARateOfZero) {
    EXPECT_EQ(pass(7, 1000, 0), 1000);
    EXPECT_EQ(rate_.programs(), 0U);
}

TEST_F(ConnectRateTest, AppliesNewRatesToThoseWhoWait) {
    pass(7, kAtOnce + 10);
    rate_.set_rates(now_, [](UserId) { return 1000U; });
    now_ += 5ms;
    EXPECT_EQ(take_due().size(), 5U);
    rate_.set_rates(now_, [](UserId) { return 0U; });
    EXPECT_EQ(take_due().size(), 5U);
    EXPECT_EQ(rate_.size(), 0U);
}

TEST_F(ConnectRateTest, ForgetsProgramsThatDontConnectAnyMore) {
    for (std::uint64_t program = 0; program < 1000; ++program) {
        EXPECT_TRUE(passes(program));
        now_ += 100ms;
    }
    EXPECT_LE(rate_.programs(), 64U);
}

TEST(ConnectRateOfABus, DelaysWhoConnectsTooFastAndNobodyIsLost) {
    TestBroker bus("", tests::kAllowAll, "<limit name='max_connections_per_second'>1</limit>");
    for (int i = 0; i < 11; ++i)
        RawClient::on(bus);
    RawClient late(bus);
    late.send_text("\0AUTH\r\n");
    RawClient later(bus);
    EXPECT_EQ(bus.state().counts.delayed_connections, 2U);
    EXPECT_EQ(bus.state().peers.incomplete_count(), 0U);
    bus.advance(1s);
    EXPECT_EQ(bus.state().peers.incomplete_count(), 1U);
    bus.advance(1s);
    EXPECT_EQ(bus.state().peers.incomplete_count(), 2U);
    later.authenticate();
    later.call("Hello");
    EXPECT_EQ(later.next_reply().type, bus::MessageType::MethodReturn);
}

TEST(ConnectRateOfABus, WhoHangsUpWaitsNoMore) {
    TestBroker bus("", tests::kAllowAll, "<limit name='max_connections_per_second'>1</limit>");
    for (int i = 0; i < 11; ++i)
        RawClient::on(bus);
    bus.settle();
    const auto connections = [&] { return bus.state().accounts.bus().held(Resource::Connections); };
    const auto before = connections();
    std::vector<RawClient> waiting;
    for (int i = 0; i < 50; ++i) {
        waiting.emplace_back(bus);
        waiting.back().send_text("\0AUTH\r\n");
    }
    bus.settle();
    EXPECT_EQ(bus.broker().waiting_count(), 50U);
    for (int i = 0; i < 49; ++i)
        waiting[static_cast<std::size_t>(i)].close();
    bus.settle();
    EXPECT_EQ(bus.broker().waiting_count(), 1U);
    EXPECT_EQ(connections(), before + 1);
    bus.advance(1s);
    EXPECT_EQ(bus.state().peers.incomplete_count(), 1U) << "nobody's turn is lost to the dead";
    EXPECT_EQ(bus.broker().waiting_count(), 0U);

    waiting[49].close();
    bus.settle();
    RawClient next(bus);
    next.close();
    bus.settle();
    EXPECT_EQ(bus.broker().waiting_count(), 0U);
    bus.advance(5s);
    EXPECT_EQ(bus.state().peers.incomplete_count(), 0U);
}

TEST(ConnectRateOfABus, WhoHangsUpHalfWaits) {
    TestBroker bus("", tests::kAllowAll, "<limit name='max_connections_per_second'>1</limit>");
    for (int i = 0; i < 11; ++i)
        RawClient::on(bus);
    RawClient half(bus);
    ::shutdown(half.socket(), SHUT_WR);
    EXPECT_FALSE(half.is_closed());
    EXPECT_EQ(bus.broker().waiting_count(), 1U);
    for (int i = 0; i < 10; ++i)
        EXPECT_FALSE(bus.turn()) << "that does not keep the loop awake";
}

TEST(ConnectRateOfABus, RefusesWhatExceedsTheBound) {
    TestBroker bus("<limit name='max_incomplete_connections'>3</limit>", tests::kAllowAll,
                   "<limit name='max_connections_per_second'>1</limit>");
    for (int i = 0; i < 11; ++i)
        RawClient::on(bus);
    std::vector<RawClient> waiting;
    for (int i = 0; i < 4; ++i)
        waiting.emplace_back(bus);
    EXPECT_TRUE(waiting[3].is_closed());
    EXPECT_FALSE(waiting[2].is_closed());
    EXPECT_EQ(bus.state().counts.refused_connections, 1U);
}

TEST(ConnectRateOfABus, FollowsAReload) {
    TestBroker bus("", tests::kAllowAll, "<limit name='max_connections_per_second'>1</limit>");
    for (int i = 0; i < 11; ++i)
        RawClient::on(bus);
    std::vector<RawClient> waiting;
    for (int i = 0; i < 50; ++i)
        waiting.emplace_back(bus);
    EXPECT_EQ(bus.state().peers.incomplete_count(), 0U);
    bus.broker().reload();
    bus.source().answer(TestBroker::load("", tests::kAllowAll,
                                         "<limit name='max_connections_per_second'>0</limit>"));
    bus.settle();
    EXPECT_EQ(bus.state().peers.incomplete_count(), 50U);
}

}  // namespace
}  // namespace buzon::broker
