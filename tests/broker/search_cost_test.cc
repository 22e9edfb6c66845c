// SPDX-License-Identifier: Apache-2.0
// That finding out who has asked for a message is on the time of the one who sends it:
// broker/delivery.h, on a whole broker.
#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "tests/support/test_broker.h"

namespace buzon::broker {
namespace {

using tests::RawClient;
using tests::TestBroker;

constexpr int kSignals = 60;
constexpr int kRules = 4000;
// Of each of these paths the other one is a part, so all rules are looked at for one signal.
constexpr std::string_view kAboveAll = "/";

class Searches : public testing::Test {
protected:
    Searches() {
        for (int i = 0; i < kRules; ++i)
            ask_for(fmt::format("arg0path='/n{}/'", i));
    }
    void ask_for(std::string_view rule) {
        subscriber_.call("AddMatch", "s", rule);
        subscriber_.take_all();
    }
    void emit(std::string_view text) {
        std::vector<std::byte> all;
        for (int i = 0; i < kSignals; ++i) {
            const auto one = sender_.make({.type = bus::MessageType::Signal,
                                           .path = "/",
                                           .interface = "a.b",
                                           .member = "S",
                                           .signature = "s"},
                                          text);
            all.insert(all.end(), one.begin(), one.end());
        }
        ASSERT_EQ(sender_.send(all), all.size());
    }

    TestBroker bus_{"<limit name='max_match_rules_per_connection'>5000</limit>"};
    RawClient subscriber_ = RawClient::on(bus_);
    RawClient sender_ = RawClient::on(bus_);
};

TEST_F(Searches, InManyRulesAreOnTheTimeOfTheSender) {
    emit(kAboveAll);
    bus_.turn();
    const auto at_once = subscriber_.read_available().size();
    EXPECT_LE(at_once, 3U);
    EXPECT_EQ(at_once + subscriber_.take_all().size(), kSignals);
}

TEST_F(Searches, ThatFindWithoutLookingCostNothing) {
    ask_for("member='S'");
    emit("elsewhere");
    bus_.turn();
    EXPECT_EQ(subscriber_.read_available().size(), kSignals);
}

}  // namespace
}  // namespace buzon::broker
