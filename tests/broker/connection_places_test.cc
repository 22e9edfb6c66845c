// SPDX-License-Identifier: Apache-2.0
// How programs of one user share the connections that the bus may have: broker/quota/quota_limits.h
// on a whole broker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/other_program.h"
#include "tests/support/test_broker.h"

namespace buzon::broker {
namespace {

using testing::Contains;
using testing::HasSubstr;
using tests::OtherProgram;
using tests::RawClient;
using tests::TestBroker;

// As on a session bus: only descriptors are few.
constexpr std::string_view kLimits = R"(
  <limit name="max_completed_connections">100000</limit>
  <limit name="max_incomplete_connections">10000</limit>
  <limit name="max_connections_per_user">100000</limit>)";
constexpr std::uint64_t kDescriptors = 1024;

class ConnectionPlaces : public testing::Test {
protected:
    RawClient other_on_bus(OtherProgram& program) {
        auto [near, far] = program.connect();
        bus_.accept(std::move(near));
        return RawClient::on(bus_, std::move(far));
    }
    /// All that this program gets; says nothing on them.
    void fill() {
        do {
            mine_.emplace_back(bus_);
        } while (!mine_.back().is_closed());
        mine_.pop_back();
    }

    OtherProgram second_, third_;
    TestBroker bus_{kLimits, tests::kAllowAll, "", kDescriptors};
    std::vector<RawClient> mine_;
};

TEST_F(ConnectionPlaces, ASecondProgramGetsInWhileTheFirstHasAllItMayHave) {
    fill();
    EXPECT_GT(mine_.size(), 150U);
    EXPECT_LT(mine_.size(), kDescriptors / 2);
    EXPECT_EQ(bus_.state().counts.refused_connections, 1U);
    EXPECT_THAT(bus_.log_lines(), Contains(HasSubstr("1 more connections: the principal holds")));

    std::vector<RawClient> others;
    for (auto* const program : {&second_, &second_, &third_, &third_}) {
        others.push_back(other_on_bus(*program));
        EXPECT_NE(others.back().name(), "");
        EXPECT_TRUE(RawClient(bus_).is_closed()) << "there is no more for the first";
    }
    EXPECT_EQ(bus_.state().accounts.verify(), "");
}

TEST_F(ConnectionPlaces, WhoClosesAConnectionMayMakeAnother) {
    fill();
    mine_.pop_back();
    bus_.settle();
    mine_.emplace_back(bus_);
    EXPECT_FALSE(mine_.back().is_closed());
    EXPECT_TRUE(RawClient(bus_).is_closed());
}

TEST_F(ConnectionPlaces, AReloadKeepsThemToo) {
    fill();
    bus_.broker().reload();
    bus_.source().answer(TestBroker::load(kLimits, tests::kAllowAll));
    bus_.settle();
    EXPECT_TRUE(RawClient(bus_).is_closed());
    EXPECT_NE(other_on_bus(second_).name(), "");
    EXPECT_EQ(bus_.state().accounts.verify(), "");
}

TEST(CompletedConnections, MayBeAnEighthMoreForProgramsThatHaveNone) {
    OtherProgram second, third;
    TestBroker bus("<limit name='max_completed_connections'>16</limit>");
    // Who is refused has the text of the error for a name.
    const auto is_in = [](const RawClient& client) { return client.name().starts_with(':'); };
    std::vector<RawClient> mine;
    for (int i = 0; i < 16; ++i)
        EXPECT_TRUE(is_in(mine.emplace_back(RawClient::on(bus))));
    EXPECT_FALSE(is_in(RawClient::on(bus)));
    const auto join = [&bus](OtherProgram& program) {
        auto [near, far] = program.connect();
        bus.accept(std::move(near));
        return RawClient::on(bus, std::move(far));
    };
    const RawClient first_of_second = join(second);
    EXPECT_TRUE(is_in(first_of_second));
    EXPECT_FALSE(is_in(join(second))) << "it has one by now";
    EXPECT_TRUE(is_in(join(third)));
}

}  // namespace
}  // namespace buzon::broker
