// SPDX-License-Identifier: Apache-2.0
#include "bus/auth_client.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "bus/auth_server.h"
#include "bus/base/hex.h"

namespace buzon::bus {
namespace {

using namespace std::string_literals;

const Guid kGuid = Guid::parse("00112233445566778899aabbccddeeff").value();
const Guid kOtherGuid = Guid::parse("ffeeddccbbaa99887766554433221100").value();
const std::string kOk = "OK 00112233445566778899aabbccddeeff\r\n";

AuthClientOptions client_options(AuthMechanisms mechanisms = {AuthMechanism::External}) {
    AuthClientOptions options;
    options.uid = 1000;
    options.mechanisms = mechanisms;
    return options;
}

template <typename Side>
auto feed(Side& side, std::string_view text) {
    return side.feed(std::as_bytes(std::span(text)));
}

struct Exchange {
    std::string received, sent;
};
struct Script {
    std::string about;
    std::vector<Exchange> exchanges;  // the first is what start() sends
    AuthClientState end;
};

void play(const Script& script, const AuthClientOptions& options) {
    AuthClient client(options);
    auto progress = client.start();
    EXPECT_EQ(progress.output, script.exchanges.front().sent) << script.about;
    std::string pending;
    for (std::size_t i = 1; i < script.exchanges.size(); ++i) {
        const auto& [received, sent] = script.exchanges[i];
        ASSERT_EQ(progress.state, AuthClientState{AuthInProgress{}}) << script.about;
        pending += received;
        progress = feed(client, pending);
        EXPECT_EQ(progress.output, sent) << script.about << ": " << received.substr(0, 80);
        pending.erase(0, progress.consumed);
    }
    EXPECT_EQ(progress.state, script.end) << script.about;
}

const Exchange kExternal{"", "\0AUTH EXTERNAL 31303030\r\n"s};
const AuthAgreed kAgreed{AuthMechanism::External, kGuid, false};
const AuthAgreed kAgreedWithFds{AuthMechanism::External, kGuid, true};
constexpr AuthInProgress kInProgress;

const Script kWithoutFds[] = {
    {"OK", {kExternal, {kOk, "BEGIN\r\n"}}, kAgreed},
    {"OK in pieces", {kExternal, {"O", ""}, {"K 0011", ""}, {kOk.substr(7), "BEGIN\r\n"}}, kAgreed},
    {"bare LF ends no line", {kExternal, {"OK\n", ""}}, kInProgress},
    {"no guid", {kExternal, {"OK\r\n", ""}}, AuthClientError::BadGuid},
    {"guid too short", {kExternal, {"OK 1234deadbeef\r\n", ""}}, AuthClientError::BadGuid},
    {"text behind the guid",
     {kExternal, {"OK 00112233445566778899aabbccddeeff x\r\n", ""}},
     AuthClientError::BadGuid},
    {"rejected",
     {kExternal, {"REJECTED DBUS_COOKIE_SHA1\r\n", ""}},
     AuthClientError::NoMechanismLeft},
    {"rejected, and offered once more",
     {kExternal, {"REJECTED EXTERNAL\r\n", ""}},
     AuthClientError::NoMechanismLeft},
    {"DATA",
     {kExternal, {"DATA\r\n", "CANCEL\r\n"}, {"REJECTED\r\n", ""}},
     AuthClientError::NoMechanismLeft},
    {"ERROR",
     {kExternal, {"ERROR\r\n", "CANCEL\r\n"}, {"REJECTED\r\n", ""}},
     AuthClientError::NoMechanismLeft},
    {"OK to CANCEL",
     {kExternal, {"ERROR\r\n", "CANCEL\r\n"}, {kOk, ""}},
     AuthClientError::UnexpectedAnswer},
    {"ERROR to CANCEL",
     {kExternal, {"ERROR\r\n", "CANCEL\r\n"}, {"ERROR\r\n", ""}},
     AuthClientError::UnexpectedAnswer},
    {"DATA to CANCEL",
     {kExternal, {"ERROR\r\n", "CANCEL\r\n"}, {"DATA\r\n", ""}},
     AuthClientError::UnexpectedAnswer},
    {"unknown, then OK", {kExternal, {"FOO\r\n", "ERROR\r\n"}, {kOk, "BEGIN\r\n"}}, kAgreed},
    {"fds that nobody asked for", {kExternal, {"AGREE_UNIX_FD\r\n", "ERROR\r\n"}}, kInProgress},
    {"no ASCII", {kExternal, {"OK \xff\r\n", "ERROR\r\n"}}, kInProgress},
    {"lower case", {kExternal, {"ok\r\n", "ERROR\r\n"}}, kInProgress},
};
TEST(AuthClient, FollowsTheServer) {
    for (const Script& script : kWithoutFds)
        play(script, client_options());
}

const Exchange kNegotiate{kOk, "NEGOTIATE_UNIX_FD\r\n"};
const Script kWithFds[] = {
    {"agreed", {kExternal, kNegotiate, {"AGREE_UNIX_FD\r\n", "BEGIN\r\n"}}, kAgreedWithFds},
    {"refused", {kExternal, kNegotiate, {"ERROR \"no\"\r\n", "BEGIN\r\n"}}, kAgreed},
    {"rejected",
     {kExternal, kNegotiate, {"REJECTED EXTERNAL\r\n", ""}},
     AuthClientError::UnexpectedAnswer},
    {"OK again", {kExternal, kNegotiate, {kOk, ""}}, AuthClientError::UnexpectedAnswer},
    {"unknown", {kExternal, kNegotiate, {"FOO\r\n", ""}}, AuthClientError::UnexpectedAnswer},
};
TEST(AuthClient, NegotiatesFdsWhereAskedTo) {
    AuthClientOptions options = client_options();
    options.negotiate_fds = true;
    for (const Script& script : kWithFds)
        play(script, options);
}

TEST(AuthClient, ComparesTheGuid) {
    AuthClientOptions options = client_options();
    options.expected_guid = kGuid;
    play({"same", {kExternal, {kOk, "BEGIN\r\n"}}, kAgreed}, options);
    options.expected_guid = kOtherGuid;
    play({"other", {kExternal, {kOk, ""}}, AuthClientError::OtherGuid}, options);
}

const Exchange kCookie{"REJECTED EXTERNAL DBUS_COOKIE_SHA1 ANONYMOUS\r\n",
                       "AUTH DBUS_COOKIE_SHA1 31303030\r\n"};
const Script kFallbacks[] = {
    {"in order",
     {kExternal, kCookie, {"REJECTED\r\n", "AUTH ANONYMOUS\r\n"}, {"REJECTED\r\n", ""}},
     AuthClientError::NoMechanismLeft},
    {"only what the server lists",
     {kExternal,
      {"REJECTED KERBEROS_V4 ANONYMOUS EXTERNAL\r\n", "AUTH ANONYMOUS\r\n"},
      {kOk, "BEGIN\r\n"}},
     AuthAgreed{AuthMechanism::Anonymous, kGuid, false}},
    {"all where the server lists none",
     {kExternal, {"REJECTED\r\n", "AUTH DBUS_COOKIE_SHA1 31303030\r\n"}},
     kInProgress},
    {"none of those listed",
     {kExternal, {"REJECTED SKEY\r\n", ""}},
     AuthClientError::NoMechanismLeft},
    {"no cookie at hand",
     {kExternal,
      kCookie,
      {"DATA " + to_hex(std::string_view("ctx 1 abc")) + "\r\n", "ERROR \"No such cookie\"\r\n"},
      {"REJECTED\r\n", "AUTH ANONYMOUS\r\n"}},
     kInProgress},
    {"challenge without id",
     {kExternal,
      kCookie,
      {"DATA " + to_hex(std::string_view("ctx abc")) + "\r\n", "ERROR \"Bad challenge\"\r\n"}},
     kInProgress},
    {"id with a sign",
     {kExternal,
      kCookie,
      {"DATA " + to_hex(std::string_view("ctx -1 abc")) + "\r\n", "ERROR \"Bad challenge\"\r\n"}},
     kInProgress},
    {"challenge in bad hex",
     {kExternal, kCookie, {"DATA zz\r\n", "ERROR \"Bad challenge\"\r\n"}},
     kInProgress},
};
TEST(AuthClient, GoesOnToTheNextMechanism) {
    for (const Script& script : kFallbacks)
        play(script, client_options(AuthMechanisms::all()));
}

TEST(AuthClient, FailsAtOnceWithoutMechanisms) {
    play({"none", {{"", "\0"s}}, AuthClientError::NoMechanismLeft}, client_options({}));
}

TEST(AuthClient, BoundsTheServersLinesAndItsOwn) {
    play({"long line",
          {kExternal, {std::string(kMaxAuthLineBytes + 1, 'A'), ""}},
          AuthClientError::LineTooLong},
         client_options());

    AuthClient client(client_options());
    AuthClientState state = client.start().state;
    std::size_t sent = 0;
    while (std::holds_alternative<AuthInProgress>(state)) {
        const auto progress = feed(client, "FOO\r\nFOO\r\n");
        state = progress.state;
        sent += progress.output.size();
        ASSERT_LE(sent, 17U * 1024);
    }
    EXPECT_EQ(state, AuthClientState{AuthClientError::TooMuchOutput});
}

TEST(AuthClient, LeavesMessageBytesBehindTheLastLineAlone) {
    AuthClient client(client_options());
    std::ignore = client.start();
    const auto progress = feed(client, kOk + "l\1\r\n");
    EXPECT_EQ(progress.consumed, kOk.size());
    EXPECT_EQ(progress.state, AuthClientState{kAgreed});
}

class OneCookie : public CookieLookup {
public:
    std::optional<std::string> find_cookie(std::string_view context, std::uint32_t id) override {
        if (context != "org_freedesktop_general" || id != 42) return std::nullopt;
        return "c0ffee";
    }
};

class BothEnds : public testing::Test {
protected:
    BothEnds() {
        server_options_.bus_owner_uid = 1000;
        client_options_ = client_options(AuthMechanisms::all());
        client_options_.cookies = &cookies_;
        client_options_.expected_guid = kGuid;
        client_options_.negotiate_fds = true;
        client_options_.anonymous_trace = "tester";
    }
    void converse() {
        AuthServer server(server_options_);
        AuthClient client(client_options_);
        auto from_client = client.start();
        while (std::holds_alternative<AuthInProgress>(from_client.state)) {
            auto from_server = feed(server, from_client.output);
            if (server.awaits_cookie()) from_server = server.supply_cookie(server_cookie_);
            ASSERT_FALSE(from_server.output.empty());
            from_client = feed(client, from_server.output);
        }
        agreed_ = from_client.state;
        begun_ = feed(server, from_client.output).state;
    }

    OneCookie cookies_;
    std::optional<AuthCookie> server_cookie_ = AuthCookie{"org_freedesktop_general", 42, "c0ffee"};
    AuthServerOptions server_options_{kGuid};
    AuthClientOptions client_options_;
    AuthClientState agreed_;
    AuthServerState begun_;
};

TEST_F(BothEnds, AgreeOnExternal) {
    server_options_.peer_uid = 1000;
    server_options_.can_pass_fds = true;
    converse();
    EXPECT_EQ(agreed_, (AuthClientState{AuthAgreed{AuthMechanism::External, kGuid, true}}));
    EXPECT_EQ(begun_, (AuthServerState{AuthBegin{AuthMechanism::External, 1000, true}}));
}

TEST_F(BothEnds, FallBackToTheCookieWithoutCredentials) {
    converse();
    EXPECT_EQ(agreed_, (AuthClientState{AuthAgreed{AuthMechanism::CookieSha1, kGuid, false}}));
    EXPECT_EQ(begun_, (AuthServerState{AuthBegin{AuthMechanism::CookieSha1, 1000, false}}));
}

TEST_F(BothEnds, FallBackToAnonymousWithoutACookie) {
    server_cookie_.reset();
    server_options_.allow_anonymous = true;
    server_options_.can_pass_fds = true;
    converse();
    EXPECT_EQ(agreed_, (AuthClientState{AuthAgreed{AuthMechanism::Anonymous, kGuid, true}}));
    EXPECT_EQ(begun_, (AuthServerState{AuthBegin{AuthMechanism::Anonymous, std::nullopt, true}}));
}

}  // namespace
}  // namespace buzon::bus
