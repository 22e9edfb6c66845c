// SPDX-License-Identifier: Apache-2.0
// What happens when a peer goes that has very much: broker/departures.h, on a whole broker.
#include "broker/departures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "tests/support/test_broker.h"

namespace buzon::broker {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::Contains;
using testing::Field;
using testing::SizeIs;
using tests::RawClient;
using tests::Received;
using tests::TestBroker;

constexpr int kMany = 2000;

class Leaving : public testing::Test {
protected:
    static std::string name(int number) { return "a.n" + std::to_string(number); }

    void request_names(RawClient& client, int count) {
        for (int i = 0; i < count; ++i) {
            client.call("RequestName", "su", name(i));
            client.take_all();
        }
    }
    void add_rules_about_leaver(RawClient& client) {
        for (int i = 0; i < kMany; ++i) {
            client.call("AddMatch", "s",
                        fmt::format("sender='{}',member='M{}'", leaver_.name(), i));
            client.take_all();
        }
    }
    [[nodiscard]] std::uint64_t held(Resource resource) const {
        return bus_.state().accounts.bus().held(resource);
    }

    TestBroker bus_{
        "<limit name='max_names_per_connection'>5000</limit>"
        "<limit name='max_match_rules_per_connection'>5000</limit>"
        "<limit name='max_replies_per_connection'>5000</limit>"};
    RawClient watcher_ = RawClient::on(bus_);
    RawClient leaver_ = RawClient::on(bus_);
};

TEST_F(Leaving, ManyNamesAreWithdrawnOverSeveralTurnsInTheirOrder) {
    request_names(leaver_, kMany);
    watcher_.call("AddMatch", "s", "member='NameOwnerChanged'");
    watcher_.take_all();
    leaver_.close();
    constexpr auto kAll = static_cast<std::size_t>(kMany);
    for (int i = 0; i < kMany && bus_.state().names.size() == kAll; ++i)
        bus_.turn();
    EXPECT_GT(bus_.state().names.size(), 0U);
    EXPECT_LT(bus_.state().names.size(), kAll);

    std::vector<std::string> withdrawn;
    for (auto part = watcher_.take_all(); !part.empty(); part = watcher_.take_all())
        for (const Received& each : part)
            withdrawn.push_back(each.text());
    std::vector<std::string> expected;
    for (int i = kMany; i-- > 0;)
        expected.push_back(name(i));
    expected.push_back(leaver_.name());
    EXPECT_EQ(withdrawn, expected);
    EXPECT_EQ(bus_.state().names.size(), 0U);
    EXPECT_EQ(held(Resource::Names), 0U);
}

TEST_F(Leaving, OfManyWhoLeaveAtOnceNoneInheritsWhatAnotherOwned) {
    RawClient heir = RawClient::on(bus_);
    request_names(leaver_, kMany);
    request_names(heir, kMany);
    watcher_.call("AddMatch", "s", "member='NameOwnerChanged'");
    watcher_.take_all();
    leaver_.close();
    heir.close();
    std::size_t withdrawn = 0;
    for (auto part = watcher_.take_all(); !part.empty(); part = watcher_.take_all())
        withdrawn += part.size();
    EXPECT_EQ(withdrawn, kMany + 2U) << "each name once, and those of the connections";
    EXPECT_EQ(bus_.state().names.size(), 0U);
    EXPECT_EQ(held(Resource::Names), 0U);
}

TEST_F(Leaving, AnHeirWhoLeavesAsWellIsToldOfAllTheSame) {
    RawClient heir = RawClient::on(bus_);
    request_names(leaver_, kMany);
    request_names(heir, kMany);
    watcher_.call("AddMatch", "s", "member='NameOwnerChanged'");
    watcher_.take_all();
    std::map<std::string, std::string> owners;
    for (int i = 0; i < kMany; ++i)
        owners[name(i)] = leaver_.name();
    for (const auto* each : {&leaver_, &heir})
        owners[each->name()] = each->name();
    leaver_.close();
    for (int i = 0; i < 3; ++i)
        bus_.turn();
    heir.close();
    for (auto part = watcher_.take_all(); !part.empty(); part = watcher_.take_all())
        for (const Received& each : part) {
            bus::WireReader body(each.body, bus::ByteOrder::Little);
            const std::string name(body.read_string().value_or(""));
            EXPECT_EQ(owners[name], body.read_string()) << name;
            owners[name] = body.read_string().value_or("?");
        }
    for (const auto& [name, owner] : owners)
        EXPECT_EQ(owner, "") << name;
}

TEST_F(Leaving, OneWhoStaysInheritsAllTheSame) {
    request_names(leaver_, kMany);
    request_names(watcher_, kMany);
    leaver_.close();
    bus_.settle();
    EXPECT_EQ(bus_.state().names.owned_by(*bus_.state().names.owner_of(name(0))).size(),
              static_cast<std::size_t>(kMany));
    EXPECT_EQ(held(Resource::Names), static_cast<std::uint64_t>(kMany));
}

TEST_F(Leaving, NobodyIsFoundBehindANameThatIsNotYetWithdrawn) {
    request_names(leaver_, kMany);
    leaver_.close();
    bus_.turn();
    ASSERT_TRUE(bus_.state().names.owner_of(name(0)));
    watcher_.call_peer(name(0), "hello");
    EXPECT_THAT(watcher_.take_all(),
                Contains(Field(&Received::error_name, bus::error_name::kServiceUnknown)));
}

TEST_F(Leaving, ANameMayBeTakenMeanwhileByOneThatQueues) {
    request_names(leaver_, kMany);
    leaver_.close();
    bus_.turn();
    watcher_.send_call("RequestName", "su", name(0));
    std::vector<std::string> members;
    for (const Received& each : watcher_.take_all())
        members.push_back(each.member.empty() ? "reply" : each.member);
    EXPECT_THAT(members, Contains("NameAcquired"));
    EXPECT_EQ(bus_.state().names.size(), 1U);
}

TEST_F(Leaving, ManyRulesAreRemovedOverSeveralTurns) {
    for (int i = 0; i < kMany; ++i) {
        leaver_.call("AddMatch", "s", "member='M" + std::to_string(i) + "'");
        leaver_.take_all();
    }
    leaver_.close();
    bus_.turn();
    const auto left = bus_.state().matches.size();
    EXPECT_GT(left, 0U);
    EXPECT_LT(left, static_cast<std::size_t>(kMany));
    bus_.settle();
    EXPECT_EQ(bus_.state().matches.size(), 0U);
    EXPECT_EQ(held(Resource::MatchRules), 0U);
}

TEST_F(Leaving, ManyRulesOfOthersThatMentionItAreRemovedOverSeveralTurns) {
    add_rules_about_leaver(watcher_);
    watcher_.call("AddMatch", "s", "member='NameOwnerChanged'");
    watcher_.take_all();
    leaver_.close();
    bus_.turn();
    EXPECT_THAT(watcher_.read_available(), SizeIs(1)) << "nobody waits for the end of the rules";
    const auto left = bus_.state().matches.size();
    EXPECT_GT(left, 1U);
    EXPECT_LT(left, static_cast<std::size_t>(kMany));
    bus_.settle();
    EXPECT_EQ(bus_.state().matches.size(), 1U);
    EXPECT_EQ(held(Resource::MatchRules), 1U);
}

TEST_F(Leaving, RulesThatMentionItMayBeOfOneWhoLeavesAsWell) {
    add_rules_about_leaver(watcher_);
    watcher_.close();
    leaver_.close();
    bus_.turn();
    EXPECT_GT(bus_.state().matches.size(), 0U);
    bus_.settle();
    EXPECT_EQ(bus_.state().matches.size(), 0U);
    EXPECT_EQ(held(Resource::MatchRules), 0U);
}

TEST_F(Leaving, ManyCallsThatItHasMadeAreForgottenOverSeveralTurns) {
    for (int i = 0; i < kMany; ++i) {
        leaver_.call_peer(watcher_.name());
        bus_.settle();
        watcher_.read_available();
    }
    leaver_.close();
    bus_.turn();
    const auto left = bus_.state().replies.size();
    EXPECT_GT(left, 0U);
    EXPECT_LT(left, static_cast<std::size_t>(kMany));
    bus_.settle();
    EXPECT_EQ(bus_.state().replies.size(), 0U);
    EXPECT_EQ(held(Resource::PendingReplies), 0U);
}

TEST_F(Leaving, EveryoneWhoWaitsForItGetsAnAnswer) {
    constexpr int kCalls = 1500;
    std::vector<std::uint32_t> serials, answered;
    for (int i = 0; i < kCalls; ++i) {
        serials.push_back(watcher_.call_peer(leaver_.name()));
        bus_.settle();
        leaver_.read_available();
    }
    leaver_.close();
    for (auto part = watcher_.take_all(); !part.empty(); part = watcher_.take_all())
        for (const Received& each : part)
            if (each.error_name == bus::error_name::kNoReply) answered.push_back(each.reply_serial);
    EXPECT_EQ(answered, serials);
    EXPECT_EQ(bus_.state().replies.size(), 0U);
    EXPECT_LT(held(Resource::PendingReplies), Holdings::kMostRepliesAhead);
}

TEST_F(Leaving, WhoReadsNoMoreGoesWhenSomethingIsSentToIt) {
    leaver_.call("RequestName", "su", name(1));
    leaver_.take_all();
    leaver_.shut_down_reading();
    const auto serial = watcher_.call_peer(leaver_.name(), "are you there?");
    const Received answer = watcher_.next_reply();
    EXPECT_EQ(answer.reply_serial, serial);
    EXPECT_EQ(answer.error_name, bus::error_name::kNoReply);
    EXPECT_EQ(bus_.state().peers.find(leaver_.name()), nullptr);
    EXPECT_EQ(bus_.state().names.size(), 0U);
}

TEST_F(Leaving, WhoReadsNoMoreIsHeardBefore) {
    leaver_.shut_down_reading();
    leaver_.call_peer(watcher_.name(), "the last", bus::kFlagNoReplyExpected);
    watcher_.call_peer(leaver_.name(), "are you there?");
    bool is_heard = false;
    for (const Received& each : watcher_.take_all())
        is_heard = is_heard || each.text() == "the last";
    EXPECT_TRUE(is_heard);
}

/// One who reads nothing goes, and two have sent to it by turns: each message is charged alone.
TEST_F(Leaving, WhatIsQueuedIsGivenBackOverSeveralTurns) {
    constexpr int kMessages = 10'000;
    RawClient other = RawClient::on(bus_);
    for (int i = 0; i < kMessages; ++i) {
        (i % 2 == 0 ? other : watcher_)
            .call_peer(leaver_.name(), "text", bus::kFlagNoReplyExpected);
        bus_.settle();
    }
    const std::uint64_t queued = held(Resource::Bytes);
    ASSERT_GT(queued, kMessages / 2U * 100U);
    leaver_.close();
    int parts = 0;
    for (std::uint64_t left = queued; left > 0; ++parts) {
        ASSERT_LT(parts, kMessages);
        bus_.turn();
        EXPECT_GE(left, held(Resource::Bytes));
        EXPECT_LT(left - held(Resource::Bytes), queued / 2);
        left = held(Resource::Bytes);
    }
    EXPECT_GT(parts, 2);
    EXPECT_EQ(bus_.state().peers.find(leaver_.name()), nullptr);
}

/// Listeners that read nothing while somebody with many names goes.
class LeavingUnheard : public testing::Test {
protected:
    LeavingUnheard() {
        for (int i = 0; i < kNames; ++i) {
            leaver_.call("RequestName", "su", name(i));
            leaver_.take_all();
        }
        paused_.call("AddMatch", "s", "member='NameOwnerChanged'");
        paused_.take_all();
    }
    static std::string name(int number) { return fmt::format("a.n{:05}{:n>200}", number, ""); }
    [[nodiscard]] std::size_t names_left() const { return bus_.state().names.size(); }
    [[nodiscard]] bool is_on_the_bus(const RawClient& client) const {
        return bus_.state().peers.find(client.name()) != nullptr;
    }

    static constexpr int kNames = 4000;
    // What is told when all names go is more than one may have on this bus, and less than a queue
    // takes.
    TestBroker bus_{
        "<limit name='max_outgoing_bytes'>4000000</limit>"
        "<limit name='max_names_per_connection'>5000</limit>"
        "<limit name='max_message_size'>100000</limit>",
        tests::kAllowAll, "<limit name='max_bus_bytes'>3000000</limit>"};
    RawClient paused_ = RawClient::on(bus_);
    RawClient leaver_ = RawClient::on(bus_);
};

TEST_F(LeavingUnheard, GoesOnAsTheyRead) {
    leaver_.close();
    bus_.advance(10s);
    const std::size_t left = names_left();
    EXPECT_GT(left, 0U);
    EXPECT_LT(left, static_cast<std::size_t>(kNames));
    EXPECT_TRUE(is_on_the_bus(paused_));

    int told = 0;
    for (int i = 0; i < 1000 && names_left() > 0; ++i) {
        told += static_cast<int>(paused_.take_all().size());
        bus_.advance(20ms);
    }
    for (std::size_t part = 1; part > 0; told += static_cast<int>(part))
        part = paused_.take_all().size();
    EXPECT_EQ(names_left(), 0U);
    EXPECT_EQ(told, kNames + 1);
    EXPECT_TRUE(is_on_the_bus(paused_));
}

TEST_F(LeavingUnheard, IsAtTheCostOfTheOneWhoLeft) {
    const auto& paused = bus_.state().peers.find(paused_.name())->account().account();
    leaver_.close();
    bus_.advance(10s);
    EXPECT_EQ(paused.held(Resource::Bytes), 0U);
    EXPECT_GT(bus_.state().accounts.bus().held(Resource::Bytes), 100'000U);
}

TEST_F(LeavingUnheard, WaitsOnlySoLong) {
    leaver_.close();
    bus_.settle();
    bus_.advance(19s);
    EXPECT_GT(names_left(), 0U);
    EXPECT_TRUE(is_on_the_bus(paused_));
    bus_.advance(2s);
    bus_.advance(20ms);
    EXPECT_EQ(names_left(), 0U);
    EXPECT_FALSE(is_on_the_bus(paused_)) << "it has taken nothing for stuck_timeout";
}

/// Few pieces, but each is told to many.
TEST_F(Leaving, TakesSeveralTurnsToTellManyOfAFewNames) {
    constexpr int kNames = 200;
    std::vector<RawClient> listeners;
    for (int i = 0; i < 100; ++i) {
        listeners.push_back(RawClient::on(bus_));
        listeners.back().call("AddMatch", "s", "member='NameOwnerChanged'");
        listeners.back().take_all();
    }
    request_names(leaver_, kNames);
    for (RawClient& each : listeners)
        each.take_all();
    ASSERT_EQ(bus_.state().names.size(), static_cast<std::size_t>(kNames));
    leaver_.close();
    std::size_t left = kNames;
    for (int turn = 0; left > 0 && turn < 1000; ++turn) {
        bus_.turn();
        const std::size_t before = std::exchange(left, bus_.state().names.size());
        EXPECT_LE(before - left, 50U) << "in turn " << turn;
    }
    EXPECT_EQ(left, 0U);
}

/// What is longer than a read is shared, so each message is a piece of its queue.
TEST(LeavingMonitor, GivesItsQueueBackOverSeveralTurnsAndItsRulesAtOnce) {
    constexpr int kMessages = 1200;
    TestBroker bus("<limit name='max_outgoing_bytes'>1000000000</limit>", tests::kAllowAll,
                   "<limit name='max_bus_bytes'>4000000000</limit>");
    const auto held = [&bus](Resource resource) {
        return bus.state().accounts.bus().held(resource);
    };
    RawClient monitor = RawClient::on(bus), sender = RawClient::on(bus),
              reader = RawClient::on(bus);
    monitor.call("BecomeMonitor", "asu", "", "org.freedesktop.DBus.Monitoring");
    monitor.take_all();
    for (int i = 0; i < kMessages; ++i) {
        sender.call_peer(reader.name(), std::string(70'000, 'x'), bus::kFlagNoReplyExpected);
        reader.take_all();
    }
    ASSERT_EQ(bus.state().peers.monitor_count(), 1U);
    monitor.close();
    int turns = 0;
    for (; held(Resource::Bytes) > 0 && turns < kMessages; ++turns) {
        bus.turn();
        if (bus.state().peers.monitor_count() == 0) {
            EXPECT_EQ(held(Resource::MatchRules), 0U);
        }
    }
    EXPECT_GT(turns, 1);
    EXPECT_EQ(held(Resource::Bytes), 0U);
}

TEST_F(Leaving, TheBusMayEndMeanwhile) {
    request_names(leaver_, kMany);
    leaver_.close();
    bus_.turn();
    EXPECT_GT(bus_.state().names.size(), 0U);
}

}  // namespace
}  // namespace buzon::broker
