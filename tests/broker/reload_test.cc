// SPDX-License-Identifier: Apache-2.0
#include "broker/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/test_broker.h"

namespace buzon::broker {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using tests::RawClient;
using tests::Received;
using tests::TestBroker;

constexpr std::string_view kDenyOwn =
    "<policy context='default'><allow send_destination='*'/><allow receive_sender='*'/>"
    "<allow user='*'/></policy>";

std::vector<std::string> members(const std::vector<Received>& messages) {
    std::vector<std::string> names;
    for (const Received& message : messages)
        names.push_back(message.error_name.empty() ? message.member : message.error_name);
    return names;
}

bus::Result<ReadSettings, LoadFailure> failure(std::string text) {
    return bus::Unexpected{LoadFailure(std::move(text))};
}

class Observer final : public ReloadObserver {
public:
    void on_reloads_done() override { ++times; }
    int times = 0;
};

TEST(Reload, SubscribersAreToldBeforeTheCallerIsAnswered) {
    TestBroker bus;
    auto client = RawClient::on(bus);
    client.call("AddMatch", "s", "member='ActivatableServicesChanged'");
    client.take_all();
    const auto serial = client.call("ReloadConfig");
    EXPECT_THAT(client.take_all(), IsEmpty()) << "nothing has been read yet";
    bus.source().answer(TestBroker::load("", tests::kAllowAll));
    const auto messages = client.take_all();
    ASSERT_THAT(members(messages), ElementsAre("ActivatableServicesChanged", ""));
    EXPECT_EQ(messages[1].reply_serial, serial);
    EXPECT_EQ(messages[1].type, bus::MessageType::MethodReturn);
}

TEST(Reload, TheBusGoesOnMeanwhileUnderTheOldPolicy) {
    TestBroker bus;
    auto client = RawClient::on(bus);
    client.call("ReloadConfig");
    client.call("RequestName", "su", "a.b");
    EXPECT_EQ(client.next_reply().number(), 1U);
    bus.source().answer(TestBroker::load("", kDenyOwn));
    client.take_all();
    client.call("RequestName", "su", "c.d");
    EXPECT_EQ(client.next_reply().error_name, bus::error_name::kAccessDenied);
}

/// Rules that concern nobody, and then what `elements` say.
std::string long_policy(std::size_t rules, std::string_view elements) {
    std::string text(tests::kAllowAll);
    text += "<policy context='default'>";
    for (std::size_t i = 0; i < rules; ++i)
        text += "<deny send_destination='x.y" + std::to_string(i) + "'/>";
    return text + "</policy><policy context='mandatory'>" + std::string(elements) + "</policy>";
}

/// What is said to one request for a name within one turn; nothing if there is no answer yet.
std::optional<std::string> ask_in_one_turn(TestBroker& bus, RawClient& peer) {
    const auto serial = peer.send_call("RequestName", "su", "a.b");
    bus.turn();
    for (const Received& message : peer.read_available())
        if (message.reply_serial == serial) return message.error_name;
    return std::nullopt;
}

TEST(Reload, TheBusGoesOnWhileALargePolicyIsCompiled) {
    TestBroker bus;
    auto other = RawClient::on(bus);
    bus.broker().reload();
    bus.source().answer(TestBroker::load("", long_policy(20'000, "<deny own='*'/>")));
    int answered = 0;
    while (answered < 1000 && ask_in_one_turn(bus, other) == "")
        ++answered;
    EXPECT_GE(answered, 20) << "a turn compiles at most a thousand rules";
    EXPECT_EQ(ask_in_one_turn(bus, other), bus::error_name::kAccessDenied);
}

TEST(Reload, AllFollowAtOnceAndTheOldPolicyGoesWhenAllHaveBeenMoved) {
    TestBroker bus("<limit name='max_connections_per_user'>1000</limit>");
    std::vector<RawClient> peers;
    for (int i = 0; i < 600; ++i)
        peers.push_back(RawClient::on(bus));
    for (RawClient& peer : peers)
        peer.call("RequestName", "su", "c.d");  // judged, so it has rules of the old policy
    auto before = bus.state().settings.policy;
    bus.broker().reload();
    bus.source().answer(TestBroker::load("", kDenyOwn));
    while (bus.state().settings.policy == before)
        bus.turn();
    EXPECT_GT(before->living_snapshots(), 0U) << "nobody has been moved in that turn";
    EXPECT_EQ(ask_in_one_turn(bus, peers.front()), bus::error_name::kAccessDenied);
    EXPECT_EQ(ask_in_one_turn(bus, peers.back()), bus::error_name::kAccessDenied);
    while (before->living_snapshots() > 0)
        bus.turn();
    before = nullptr;
    bus.settle();
}

/// Whether a call from `caller` reaches somebody, or is refused.
bool may_call(RawClient& caller, RawClient& callee, std::string_view destination) {
    callee.take_all();
    caller.call_peer(destination);
    const auto answer = caller.next_reply();
    EXPECT_EQ(callee.take_all().size(), answer.error_name.empty() ? 1U : 0U);
    return answer.error_name.empty();
}

TEST(Reload, NamesHeldBeforeCountForTheRulesThatComeWithIt) {
    TestBroker bus;
    auto callee = RawClient::on(bus), queued = RawClient::on(bus), caller = RawClient::on(bus);
    for (const auto* name : {"a.b", "x.y.z"})
        callee.call("RequestName", "su", name);
    queued.call("RequestName", "su", "a.b");
    EXPECT_TRUE(may_call(caller, callee, "a.b"));

    const auto reload = [&](std::string_view denied) {
        bus.broker().reload();
        bus.source().answer(TestBroker::load("", std::string(tests::kAllowAll) +
                                                     "<policy context='mandatory'><deny " +
                                                     std::string(denied) + "/></policy>"));
    };
    reload("send_destination='a.b' send_path='/'");
    EXPECT_FALSE(may_call(caller, callee, "a.b"));
    EXPECT_FALSE(may_call(caller, callee, "x.y.z")) << "it has the other name as well";
    EXPECT_FALSE(may_call(caller, queued, queued.name())) << "it waits for that name";
    callee.call("ReleaseName", "s", "a.b");
    EXPECT_TRUE(may_call(caller, callee, "x.y.z"));

    reload("send_destination_prefix='x.y' send_path='/'");
    EXPECT_FALSE(may_call(caller, callee, "x.y.z"));
    EXPECT_TRUE(may_call(caller, queued, "a.b"));
}

TEST(Reload, AFailureIsAnsweredAndLoggedAndChangesNothing) {
    TestBroker bus;
    auto client = RawClient::on(bus);
    const auto before = bus.state().settings.policy;
    client.call("ReloadConfig");
    bus.source().answer(failure("/x.conf:3:1: no"));
    const auto reply = client.next_reply();
    EXPECT_EQ(reply.error_name, bus::error_name::kFailed);
    EXPECT_EQ(reply.text(), "/x.conf:3:1: no");
    EXPECT_EQ(bus.state().settings.policy, before);
    EXPECT_THAT(bus.log_lines(), Contains(HasSubstr("/x.conf:3:1: no")));
}

TEST(Reload, ThoseWhoAskDuringALoadShareTheNextOne) {
    TestBroker bus;
    Observer observer;
    bus.broker().set_reload_observer(observer);
    auto first = RawClient::on(bus);
    auto others = RawClient::on(bus);
    first.call("ReloadConfig");
    others.call("ReloadConfig");
    bus.broker().reload();
    others.call("ReloadConfig");
    EXPECT_EQ(bus.source().loads(), 1);

    bus.source().answer(failure("early"));
    EXPECT_EQ(first.next_reply().text(), "early");
    EXPECT_THAT(others.take_all(), IsEmpty()) << "the files may have changed since";
    EXPECT_EQ(bus.source().loads(), 2);
    EXPECT_EQ(observer.times, 0);

    bus.source().answer(TestBroker::load("", tests::kAllowAll));
    EXPECT_EQ(others.take_all().size(), 2U);
    EXPECT_FALSE(bus.source().is_asked());
    EXPECT_EQ(observer.times, 1);
}

TEST(Reload, ACallerThatHasGoneIsNotMissed) {
    TestBroker bus;
    auto client = RawClient::on(bus);
    client.call("ReloadConfig");
    client.close();
    bus.settle();
    bus.source().answer(TestBroker::load("", tests::kAllowAll));
    EXPECT_FALSE(bus.source().is_asked());
}

TEST(Reload, CallsOfOneCallerThatWaitAreBounded) {
    TestBroker bus;
    auto client = RawClient::on(bus);
    auto other = RawClient::on(bus);
    for (int i = 0; i < 16; ++i)
        client.call("ReloadConfig");
    EXPECT_THAT(client.take_all(), IsEmpty());
    client.call("ReloadConfig");
    EXPECT_EQ(client.next_reply().error_name, bus::error_name::kLimitsExceeded);
    other.call("ReloadConfig");
    EXPECT_THAT(other.take_all(), IsEmpty()) << "there is room for it";
    bus.source().answer(failure("x"));
    bus.source().answer(failure("x"));
    EXPECT_EQ(client.take_all().size(), 16U);
    EXPECT_EQ(other.take_all().size(), 1U);
}

}  // namespace
}  // namespace buzon::broker
