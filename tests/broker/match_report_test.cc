// SPDX-License-Identifier: Apache-2.0
// GetAllMatchRules of very many rules: broker/match_report.h, on a whole broker.
#include "broker/match_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tests/support/test_broker.h"

namespace buzon::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using tests::RawClient;
using tests::Received;
using tests::TestBroker;

using Rules = std::map<std::string, std::vector<std::string>>;

Rules rules_in(const Received& answer) {
    Rules rules;
    bus::WireReader reader(answer.body, bus::ByteOrder::Little);
    const auto all = reader.enter_array('{');
    while (all && reader.position() < *all) {
        reader.align(8);
        const std::string name(reader.read_string().value_or("?"));
        EXPECT_FALSE(rules.contains(name)) << name;
        auto& of_name = rules[name];
        const auto end = reader.enter_array('s');
        while (end && reader.position() < *end)
            of_name.emplace_back(reader.read_string().value_or("?"));
    }
    return rules;
}

class MatchReportTest : public testing::Test {
protected:
    static constexpr int kMany = 3000;
    static constexpr auto kAll = static_cast<std::size_t>(kMany);
    static constexpr std::string_view kLimits =
        "<limit name='max_match_rules_per_connection'>5000</limit>";

    static std::string rule(int number) { return fmt::format("member='M{}{:x>200}'", number, ""); }

    explicit MatchReportTest(std::string_view own = "") : bus_(kLimits, tests::kAllowAll, own) {}

    void add_rules(RawClient& client, int begin, int end) {
        for (int i = begin; i < end; ++i) {
            client.send_call("AddMatch", "s", rule(i));
            if (i % 100 == 99) client.take_all();
        }
        client.take_all();
    }
    static std::uint32_t ask(RawClient& client) {
        return client.send_call("GetAllMatchRules", "", "", "org.freedesktop.DBus.Debug.Stats");
    }
    /// The first reply, which may be longer than its socket's buffer.
    static Received answer_to(RawClient& client) {
        for (int i = 0; i < 100; ++i)
            for (auto& message : client.take_all())
                if (message.reply_serial != 0) return std::move(message);
        return {};
    }
    [[nodiscard]] std::size_t waiting() { return bus_.broker().match_report().waiting_count(); }
    [[nodiscard]] std::uint64_t held() const {
        return bus_.state().accounts.bus().held(Resource::Bytes);
    }
    /// What is registered, as the answer shows it.
    [[nodiscard]] Rules registered() const {
        Rules rules;
        bus_.state().peers.for_each_active([&](const Peer& peer) {
            auto& of_peer = rules[std::string(peer.unique_name())];
            for (const MatchRule& each : bus_.state().matches.rules_of(peer.id()))
                of_peer.push_back(to_text(each));
        });
        return rules;
    }
    void start(RawClient& client) {
        ask(client);
        bus_.turn();
        ASSERT_GT(waiting(), 0U);
        ASSERT_THAT(client.read_available(), SizeIs(0));
    }

    TestBroker bus_;
    RawClient subscriber_ = RawClient::on(bus_);
    RawClient caller_ = RawClient::on(bus_);
};

TEST_F(MatchReportTest, FewRulesAreWrittenAtOnce) {
    add_rules(subscriber_, 0, 200);
    ask(caller_);
    bus_.turn();
    EXPECT_EQ(waiting(), 0U);
    const Rules rules = rules_in(answer_to(caller_));
    EXPECT_EQ(rules, registered());
    EXPECT_THAT(rules.at(subscriber_.name()), SizeIs(200));
}

TEST_F(MatchReportTest, ManyRulesAreWrittenOverSeveralTurnsAndInTheirOrder) {
    add_rules(subscriber_, 0, kMany);
    add_rules(caller_, 0, 10);
    const auto others = RawClient::on(bus_);
    const auto serial = ask(caller_);
    int turns = 0;
    for (bus_.turn(); waiting() > 0; bus_.turn(), ++turns)
        EXPECT_GT(held(), 0U);
    EXPECT_GT(turns, 2);
    const Received answer = answer_to(caller_);
    EXPECT_EQ(answer.reply_serial, serial);
    EXPECT_EQ(answer.signature, "a{sas}");
    EXPECT_EQ(rules_in(answer), registered());
    EXPECT_EQ(held(), 0U);
}

TEST_F(MatchReportTest, WhatIsThereAllTheWhileIsInTheAnswerOnce) {
    add_rules(subscriber_, 0, kMany);
    start(caller_);
    int turns = 0;
    for (int i = 0; waiting() > 0; ++turns) {
        for (const int end = i + 90; i < end; i += 3) {
            subscriber_.send_call("RemoveMatch", "s", rule(kMany - 1 - i));
            subscriber_.send_call("AddMatch", "s", rule(i + 1));
            subscriber_.send_call("AddMatch", "s", rule(kMany + i));
        }
        bus_.turn();
        subscriber_.read_available();
    }
    EXPECT_GT(turns, 2);
    const Rules rules = rules_in(answer_to(caller_));
    const auto& of_subscriber = rules.at(subscriber_.name());
    const std::multiset<std::string> found(of_subscriber.begin(), of_subscriber.end());
    for (int i = 0; i < kMany; ++i) {
        // Counted from the end, each third is removed; from the front, each third added again.
        if (i % 3 == 0) {
            EXPECT_EQ(found.count(rule(i)), 1U) << i;
        } else if (i % 3 == 1) {
            EXPECT_GE(found.count(rule(i)), 1U) << i;
        } else {
            EXPECT_LE(found.count(rule(i)), 1U) << i;
        }
    }
}

TEST_F(MatchReportTest, ThoseWhoGoMeanwhileAreLeftOut) {
    add_rules(subscriber_, 0, kMany);
    auto other = RawClient::on(bus_);
    add_rules(other, 0, kMany);
    start(caller_);
    subscriber_.close();
    other.close();
    const Rules rules = rules_in(answer_to(caller_));
    ASSERT_TRUE(rules.contains(caller_.name()));
    std::size_t count = 0;
    for (const auto& [name, of_name] : rules)
        count += of_name.size();
    EXPECT_LT(count, 2 * kAll);
}

TEST_F(MatchReportTest, FurtherCallsAreAnsweredBehindIt) {
    add_rules(subscriber_, 0, kMany);
    const auto first = caller_.send_call("GetId");
    const auto second = ask(caller_);
    const auto third = caller_.send_call("GetId");
    bus_.turn();
    ASSERT_EQ(waiting(), 1U);
    subscriber_.send_call("GetId");
    bus_.turn();
    EXPECT_THAT(subscriber_.read_available(), SizeIs(1)) << "others are served meanwhile";
    ASSERT_EQ(waiting(), 1U);
    std::vector<std::uint32_t> answered;
    for (int i = 0; i < 100 && answered.size() < 3; ++i)
        for (const Received& each : caller_.take_all())
            answered.push_back(each.reply_serial);
    EXPECT_THAT(answered, ElementsAre(first, second, third));
}

TEST_F(MatchReportTest, OneAnswerIsWrittenAtATimeAndAllGetTheirs) {
    add_rules(subscriber_, 0, kMany);
    auto other = RawClient::on(bus_);
    ask(caller_);
    ask(other);
    bus_.turn();
    EXPECT_EQ(waiting(), 2U);
    bus_.settle();
    EXPECT_EQ(rules_in(answer_to(caller_)), registered());
    EXPECT_EQ(rules_in(answer_to(other)), registered());
    EXPECT_EQ(waiting(), 0U);
}

TEST_F(MatchReportTest, ACallerMayHangUpInTheMiddle) {
    add_rules(subscriber_, 0, kMany);
    auto other = RawClient::on(bus_);
    start(caller_);
    ask(other);
    bus_.turn();
    ASSERT_EQ(waiting(), 2U);
    caller_.close();
    bus_.turn();
    EXPECT_EQ(waiting(), 1U);
    EXPECT_EQ(rules_in(answer_to(other)), registered());
    EXPECT_EQ(held(), 0U);
}

TEST_F(MatchReportTest, OneInLineMayHangUp) {
    add_rules(subscriber_, 0, kMany);
    auto other = RawClient::on(bus_);
    start(caller_);
    ask(other);
    bus_.turn();
    ASSERT_EQ(waiting(), 2U);
    other.close();
    bus_.turn();
    EXPECT_EQ(waiting(), 1U);
    EXPECT_FALSE(rules_in(answer_to(caller_)).empty());
    EXPECT_EQ(waiting(), 0U);
}

TEST_F(MatchReportTest, ACallerMayBeDisconnectedInTheMiddle) {
    add_rules(subscriber_, 0, kMany);
    start(caller_);
    bus_.state().peers.find(caller_.name())->end_later("its socket failed");
    bus_.settle();
    EXPECT_TRUE(caller_.is_closed());
    EXPECT_EQ(waiting(), 0U);
    EXPECT_EQ(held(), 0U);
}

TEST_F(MatchReportTest, WhatTheCallerSentBehindIsRoutedWhenItHangsUp) {
    add_rules(subscriber_, 0, kMany);
    start(caller_);
    caller_.call_peer(subscriber_.name(), "last words", bus::kFlagNoReplyExpected);
    caller_.close();
    bus_.settle();
    const auto received = subscriber_.read_available();
    ASSERT_THAT(received, SizeIs(1));
    EXPECT_EQ(received[0].text(), "last words");
}

TEST_F(MatchReportTest, TheBusMayEndMeanwhile) {
    add_rules(subscriber_, 0, kMany);
    start(caller_);
    EXPECT_EQ(waiting(), 1U);
}

/// The bus has less room than the answer takes.
class SmallBus : public MatchReportTest {
protected:
    SmallBus() : MatchReportTest("<limit name='max_bus_bytes'>200000</limit>") {}
};

TEST_F(SmallBus, RefusesWhatTheCallerMayNotHold) {
    add_rules(subscriber_, 0, kMany);
    ask(caller_);
    const Received answer = answer_to(caller_);
    EXPECT_EQ(answer.error_name, bus::error_name::kLimitsExceeded);
    EXPECT_THAT(answer.text(), HasSubstr("too many bytes are held by this"));
    EXPECT_EQ(bus_.state().counts.refused_calls, 1U);
    EXPECT_EQ(held(), 0U);
    caller_.call("GetId");
    EXPECT_THAT(caller_.take_all(), SizeIs(1)) << "it is read on";
}

}  // namespace
}  // namespace buzon::broker
