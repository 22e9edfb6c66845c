// SPDX-License-Identifier: Apache-2.0
#include "bus/auth_server.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "bus/base/hex.h"

namespace buzon::bus {
namespace {

using namespace std::string_literals;

constexpr std::string_view kGuid = "00112233445566778899aabbccddeeff";
const std::string kOk = "OK 00112233445566778899aabbccddeeff\r\n";
const std::string kRejected = "REJECTED EXTERNAL DBUS_COOKIE_SHA1 ANONYMOUS\r\n";

std::string error(std::string_view text) {
    return "ERROR \"" + std::string(text) + "\"\r\n";
}

std::string external(std::string_view identity) {
    return "\0AUTH EXTERNAL "s + to_hex(identity) + "\r\n";
}

/// What a session bus of uid 0 knows of a peer of uid 0.
AuthServerOptions root_options() {
    AuthServerOptions options{Guid::parse(kGuid).value()};
    options.peer_uid = 0;
    options.can_pass_fds = true;
    options.bus_owner_uid = 0;
    options.bus_owner_name = "root";
    return options;
}

/// Goes on with `cookie` where one is awaited.
AuthServerProgress feed(AuthServer& server,
                        std::string_view text,
                        const std::optional<AuthCookie>& cookie = std::nullopt) {
    auto progress = server.feed(std::as_bytes(std::span(text)));
    while (server.awaits_cookie()) {
        auto next = server.supply_cookie(cookie);
        progress.output += next.output;
        progress.state = next.state;
        if (!std::holds_alternative<AuthInProgress>(next.state)) break;
        next = server.feed(std::as_bytes(std::span(text.substr(progress.consumed))));
        progress.consumed += next.consumed;
        progress.output += next.output;
        progress.state = next.state;
    }
    return progress;
}

struct Exchange {
    std::string sent, answered;
};
struct Script {
    std::string about;
    std::vector<Exchange> exchanges;
    AuthServerState end;
};

/// Plays `script` and keeps, as a connection does, what the server does not consume.
void play(const Script& script, const AuthServerOptions& options) {
    AuthServer server(options);
    AuthServerState state;
    std::string pending;
    for (const auto& [sent, answered] : script.exchanges) {
        ASSERT_TRUE(std::holds_alternative<AuthInProgress>(state)) << script.about;
        pending += sent;
        const auto progress = feed(server, pending);
        EXPECT_EQ(progress.output, answered) << script.about << ": " << sent.substr(0, 80);
        pending.erase(0, progress.consumed);
        state = progress.state;
    }
    EXPECT_EQ(state, script.end) << script.about;
}

constexpr AuthInProgress kInProgress;
const AuthBegin kRootWithFds{AuthMechanism::External, 0, true};
const AuthBegin kRoot{AuthMechanism::External, 0, false};

// Recorded from dbus-daemon 1.14.10, run and asked as uid 0.
const Script kFirstLines[] = {
    {"first byte not NUL", {{"AUTH\r\n", ""}}, AuthServerError::FirstByteNotNul},
    {"first byte not NUL, no line", {{"\1", ""}}, AuthServerError::FirstByteNotNul},
    {"NUL apart from the line", {{"\0"s, ""}, {"AUTH\r\n", kRejected}}, kInProgress},
    {"second NUL", {{"\0\0AUTH\r\n"s, error("Command contained non-ASCII")}}, kInProgress},
    {"AUTH alone", {{"\0AUTH\r\n"s, kRejected}}, kInProgress},
    {"AUTH and a blank", {{"\0AUTH \r\n"s, kRejected}}, kInProgress},
    {"AUTH and carriage returns", {{"\0AUTH \r \r\n"s, kRejected}}, kInProgress},
    {"unknown mechanism", {{"\0AUTH FOO\r\n"s, kRejected}}, kInProgress},
    {"its data are not looked at", {{"\0AUTH FOO zz\r\n"s, kRejected}}, kInProgress},
    {"mechanism in lower case", {{"\0AUTH external 30\r\n"s, kRejected}}, kInProgress},
    {"command in lower case", {{"\0auth\r\n"s, error("Unknown command")}}, kInProgress},
    {"longer command", {{"\0AUTHX\r\n"s, error("Unknown command")}}, kInProgress},
    {"empty line", {{"\0\r\n"s, error("Unknown command")}}, kInProgress},
    {"blank line", {{"\0 \r\n"s, error("Unknown command")}}, kInProgress},
    {"blank before the command", {{"\0 AUTH\r\n"s, error("Unknown command")}}, kInProgress},
    {"tab before the command", {{"\0\tAUTH\r\n"s, error("Unknown command")}}, kInProgress},
    {"vertical tab is no blank",
     {{"\0AUTH\vEXTERNAL\r\n"s, error("Unknown command")}},
     kInProgress},
    {"runs of blanks", {{"\0AUTH  EXTERNAL  30\r\n"s, kOk}}, kInProgress},
    {"tabs", {{"\0AUTH\tEXTERNAL \t 30\r\n"s, kOk}}, kInProgress},
    {"bare LF ends no line", {{"\0AUTH\n"s, ""}, {"\r\n", error("Unknown command")}}, kInProgress},
    {"LF in a line", {{"\0AUTH\nAUTH\r\n"s, error("Unknown command")}}, kInProgress},
    {"CR in a line", {{"\0AUTH\r\r\n"s, error("Unknown command")}}, kInProgress},
    {"CR and LF apart", {{"\0AUTH\r"s, ""}, {"\n", kRejected}}, kInProgress},
    {"no ASCII", {{"\0AUTH \xff\r\n"s, error("Command contained non-ASCII")}}, kInProgress},
    {"NUL in a line", {{"\0AU\0TH\r\n"s, error("Command contained non-ASCII")}}, kInProgress},
    {"CANCEL", {{"\0CANCEL\r\n"s, error("Not currently in an auth conversation")}}, kInProgress},
    {"DATA", {{"\0DATA zz\r\n"s, error("Not currently in an auth conversation")}}, kInProgress},
    {"BEGIN", {{"\0BEGIN\r\n"s, ""}}, AuthServerError::BeginTooEarly},
    {"BEGIN and a tab", {{"\0BEGIN\t\r\n"s, ""}}, AuthServerError::BeginTooEarly},
    {"ERROR", {{"\0ERROR \"x\"\r\n"s, kRejected}}, kInProgress},
    {"fds", {{"\0NEGOTIATE_UNIX_FD\r\n"s, error("Need to authenticate first")}}, kInProgress},
    {"unknown", {{"\0FOO bar\r\n"s, error("Unknown command")}}, kInProgress},
    {"a server's command", {{"\0REJECTED\r\n"s, error("Unknown command")}}, kInProgress},
};
TEST(AuthServer, AnswersTheFirstLineAsDbusDaemon) {
    for (const Script& script : kFirstLines)
        play(script, root_options());
}

const Script kWaitingForData[] = {
    {"AUTH",
     {{"\0AUTH EXTERNAL\r\n"s, "DATA\r\n"},
      {"AUTH EXTERNAL 30\r\n", error("Sent AUTH while another AUTH in progress")},
      {"DATA 30\r\n", kOk}},
     kInProgress},
    {"CANCEL",
     {{"\0AUTH EXTERNAL\r\n"s, "DATA\r\n"},
      {"CANCEL\r\n", kRejected},
      {"DATA\r\n", error("Not currently in an auth conversation")},
      {"AUTH EXTERNAL 30\r\n", kOk}},
     kInProgress},
    {"ERROR", {{"\0AUTH EXTERNAL\r\n"s, "DATA\r\n"}, {"ERROR\r\n", kRejected}}, kInProgress},
    {"BEGIN",
     {{"\0AUTH EXTERNAL\r\n"s, "DATA\r\n"}, {"BEGIN\r\n", ""}},
     AuthServerError::BeginTooEarly},
    {"NEGOTIATE_UNIX_FD",
     {{"\0AUTH EXTERNAL\r\n"s, "DATA\r\n"},
      {"NEGOTIATE_UNIX_FD\r\n", error("Need to authenticate first")}},
     kInProgress},
    {"unknown command, and on",
     {{"\0AUTH EXTERNAL\r\n"s, "DATA\r\n"},
      {"FOO\r\n", error("Unknown command")},
      {"DATA 30\r\n", kOk}},
     kInProgress},
    {"bad hex, and on",
     {{"\0AUTH EXTERNAL\r\n"s, "DATA\r\n"},
      {"DATA zz\r\n", error("Invalid hex encoding")},
      {"DATA\r\n", kOk}},
     kInProgress},
};
TEST(AuthServer, AnswersWhileItWaitsForDataAsDbusDaemon) {
    for (const Script& script : kWaitingForData)
        play(script, root_options());
}

Script after_ok(std::string about, std::vector<Exchange> exchanges, AuthServerState end) {
    exchanges.insert(exchanges.begin(), {"\0AUTH EXTERNAL 30\r\n"s, kOk});
    return {std::move(about), std::move(exchanges), end};
}
const Script kWaitingForBegin[] = {
    after_ok("AUTH", {{"AUTH\r\n", error("Sent AUTH while expecting BEGIN")}}, kInProgress),
    after_ok("DATA", {{"DATA zz\r\n", error("Sent DATA while expecting BEGIN")}}, kInProgress),
    after_ok("unknown", {{"FOO\r\n", error("Unknown command")}}, kInProgress),
    after_ok("no ASCII", {{"\xff\r\n", error("Command contained non-ASCII")}}, kInProgress),
    after_ok("CANCEL and again",
             {{"CANCEL\r\n", kRejected}, {"AUTH EXTERNAL 30\r\n", kOk}, {"BEGIN\r\n", ""}},
             kRoot),
    after_ok("CANCEL, then BEGIN",
             {{"CANCEL\r\n", kRejected}, {"BEGIN\r\n", ""}},
             AuthServerError::BeginTooEarly),
    after_ok("ERROR, then BEGIN",
             {{"ERROR\r\n", kRejected}, {"BEGIN\r\n", ""}},
             AuthServerError::BeginTooEarly),
    after_ok("BEGIN", {{"BEGIN\r\n", ""}}, kRoot),
    after_ok("BEGIN with arguments", {{"BEGIN now\r\n", ""}}, kRoot),
    after_ok(
        "fds", {{"NEGOTIATE_UNIX_FD\r\n", "AGREE_UNIX_FD\r\n"}, {"BEGIN\r\n", ""}}, kRootWithFds),
    after_ok("fds twice, with arguments",
             {{"NEGOTIATE_UNIX_FD\r\n", "AGREE_UNIX_FD\r\n"},
              {"NEGOTIATE_UNIX_FD now\r\n", "AGREE_UNIX_FD\r\n"},
              {"BEGIN\r\n", ""}},
             kRootWithFds),
    after_ok("a rejection forgets the fds",
             {{"NEGOTIATE_UNIX_FD\r\n", "AGREE_UNIX_FD\r\n"},
              {"CANCEL\r\n", kRejected},
              {"AUTH EXTERNAL 30\r\n", kOk},
              {"BEGIN\r\n", ""}},
             kRoot),
};
TEST(AuthServer, AnswersWhileItWaitsForBeginAsDbusDaemon) {
    for (const Script& script : kWaitingForBegin)
        play(script, root_options());
}

TEST(AuthServer, RefusesFdsWhereTheTransportHasNone) {
    AuthServerOptions options = root_options();
    options.can_pass_fds = false;
    play(after_ok("fds",
                  {{"NEGOTIATE_UNIX_FD\r\n", error("This transport cannot pass Unix fds")},
                   {"BEGIN\r\n", ""}},
                  kRoot),
         options);
}

const Script kExternal[] = {
    {"the socket's uid", {{external("0"), kOk}}, kInProgress},
    {"more zeros", {{external("00000000000000000000"), kOk}}, kInProgress},
    {"another uid", {{external("1000"), kRejected}}, kInProgress},
    {"a name", {{external("root"), kRejected}}, kInProgress},
    {"2^32", {{external("4294967296"), kRejected}}, kInProgress},
    {"2^64", {{external("18446744073709551616"), kRejected}}, kInProgress},
    {"the unknown uid", {{external("4294967295"), kRejected}}, kInProgress},
    {"minus one", {{external("-1"), kRejected}}, kInProgress},
    {"blank behind", {{external("0 "), kRejected}}, kInProgress},
    {"line feed behind", {{external("0\n"), kRejected}}, kInProgress},
    {"NUL behind", {{external("0\0"s), kRejected}}, kInProgress},
    {"arabic zero", {{external("\u0660"), kRejected}}, kInProgress},
    {"empty: asked for, socket's uid taken",
     {{"\0AUTH EXTERNAL\r\n"s, "DATA\r\n"}, {"DATA\r\n", kOk}, {"BEGIN\r\n", ""}},
     kRoot},
    {"empty with a blank",
     {{"\0AUTH EXTERNAL \r\n"s, "DATA\r\n"}, {"DATA \r\n", kOk}},
     kInProgress},
    {"uid when asked", {{"\0AUTH EXTERNAL\r\n"s, "DATA\r\n"}, {"DATA 30\r\n", kOk}}, kInProgress},
    {"wrong uid when asked",
     {{"\0AUTH EXTERNAL\r\n"s, "DATA\r\n"}, {"DATA 31\r\n", kRejected}},
     kInProgress},
    {"asked anew after a rejection",
     {{"\0AUTH EXTERNAL\r\n"s, "DATA\r\n"},
      {"CANCEL\r\n", kRejected},
      {"AUTH EXTERNAL\r\n", "DATA\r\n"}},
     kInProgress},
};
TEST(AuthServerExternal, TakesTheSocketsUidOnly) {
    for (const Script& script : kExternal)
        play(script, root_options());
}

// dbus-daemon says OK to these, because strtoul() does.
TEST(AuthServerExternal, TakesDecimalDigitsOnly) {
    for (const std::string_view identity : {"0x0", " 0", "\t0", "+0", "-0"}) {
        play({std::string(identity), {{external(identity), kRejected}}, kInProgress},
             root_options());
    }
}

TEST(AuthServerExternal, RejectsWhereTheSocketReportsNobody) {
    AuthServerOptions options = root_options();
    options.peer_uid.reset();
    play({"uid", {{external("0"), kRejected}}, kInProgress}, options);
    play({"empty", {{"\0AUTH EXTERNAL\r\n"s, kRejected}}, kInProgress}, options);
}

const Script kBadHex[] = {
    {"letters", {{"\0AUTH EXTERNAL zz\r\n"s, error("Invalid hex encoding")}}, kInProgress},
    {"bad digit behind good",
     {{"\0AUTH EXTERNAL 30zz\r\n"s, error("Invalid hex encoding")}},
     kInProgress},
    {"blank within", {{"\0AUTH EXTERNAL 3 0\r\n"s, error("Invalid hex encoding")}}, kInProgress},
    {"blank behind", {{"\0AUTH EXTERNAL 30 \r\n"s, error("Invalid hex encoding")}}, kInProgress},
    {"line feed", {{"\0AUTH EXTERNAL 30\n\r\n"s, error("Invalid hex encoding")}}, kInProgress},
    {"no conversation has begun",
     {{"\0AUTH ANONYMOUS zz\r\n"s, error("Invalid hex encoding")},
      {"DATA\r\n", error("Not currently in an auth conversation")}},
     kInProgress},
    // dbus-daemon drops the odd digit.
    {"one digit", {{"\0AUTH EXTERNAL 3\r\n"s, error("Invalid hex encoding")}}, kInProgress},
    {"three digits", {{"\0AUTH EXTERNAL 303\r\n"s, error("Invalid hex encoding")}}, kInProgress},
    {"odd DATA",
     {{"\0AUTH EXTERNAL\r\n"s, "DATA\r\n"}, {"DATA 303\r\n", error("Invalid hex encoding")}},
     kInProgress},
};
TEST(AuthServer, RefusesBadHexWithoutARejection) {
    for (const Script& script : kBadHex)
        play(script, root_options());
}

std::string repeat(std::string_view text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i)
        all += text;
    return all;
}

TEST(AuthServerLimits, SixthRejectionIsSentAndIsTheLast) {
    play({"one packet",
          {{"\0"s + repeat("AUTH\r\n", 8), repeat(kRejected, 6)}},
          AuthServerError::TooManyRejections},
         root_options());
    play({"five, then success",
          {{"\0"s + repeat("AUTH\r\n", 5), repeat(kRejected, 5)},
           {"AUTH EXTERNAL 30\r\n", kOk},
           {"CANCEL\r\n", kRejected}},
          AuthServerError::TooManyRejections},
         root_options());
    play({"successes between do not count back",
          {{"\0"s + repeat("AUTH EXTERNAL 30\r\nCANCEL\r\n", 8), repeat(kOk + kRejected, 6)}},
          AuthServerError::TooManyRejections},
         root_options());
}

TEST(AuthServerLimits, LongestLineHas16384Bytes) {
    const std::string longest(kMaxAuthLineBytes - 2, 'A');
    play({"in one", {{"\0"s + longest + "\r\n", error("Unknown command")}}, kInProgress},
         root_options());
    play({"in two", {{"\0"s + longest, ""}, {"\r\n", error("Unknown command")}}, kInProgress},
         root_options());
    play({"a byte more", {{"\0"s + longest + "A\r\n", ""}}, AuthServerError::LineTooLong},
         root_options());
    play({"a byte more, in two",
          {{"\0"s + longest + "A\r", ""}, {"\n", ""}},
          AuthServerError::LineTooLong},
         root_options());
    play({"no end in sight",
          {{"\0"s + std::string(kMaxAuthLineBytes + 1, 'A'), ""}},
          AuthServerError::LineTooLong},
         root_options());
}

TEST(AuthServerLimits, AnswersAreBoundedInOnePacketAndInMany) {
    AuthServer one(root_options());
    const auto progress = feed(one, "\0"s + repeat("FOO\r\n", 10'000));
    EXPECT_EQ(progress.state, AuthServerState{AuthServerError::TooMuchOutput});
    EXPECT_LE(progress.output.size(), 17U * 1024);

    AuthServer many(root_options());
    AuthServerState state = feed(many, "\0"s).state;
    std::size_t sent = 0;
    while (std::holds_alternative<AuthInProgress>(state)) {
        const auto step = feed(many, "FOO\r\n");
        state = step.state;
        sent += step.output.size();
        ASSERT_LE(sent, 17U * 1024);
    }
    EXPECT_EQ(state, AuthServerState{AuthServerError::TooMuchOutput});
}

TEST(AuthServer, LeavesMessageBytesBehindBeginAlone) {
    AuthServer server(root_options());
    const std::string lines = "\0AUTH EXTERNAL 30\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"s;
    const auto progress = feed(server, lines + "l\1\0\1\r\nAUTH\r\n"s);
    EXPECT_EQ(progress.output, kOk + "AGREE_UNIX_FD\r\n");
    EXPECT_EQ(progress.consumed, lines.size());
    EXPECT_EQ(progress.state, AuthServerState{kRootWithFds});
}

// The packet that sd-bus sends.
TEST(AuthServer, AnswersAPipelinedConversation) {
    AuthServer server(root_options());
    const auto progress =
        feed(server, "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"s);
    EXPECT_EQ(progress.output, "DATA\r\n" + kOk + "AGREE_UNIX_FD\r\n");
    EXPECT_EQ(progress.state, AuthServerState{kRootWithFds});
}

TEST(AuthServer, GivesTheSameAnswersByteByByte) {
    AuthServer server(root_options());
    const std::string all = "\0AUTH\r\nAUTH EXTERNAL\r\nDATA 30\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"s;
    std::string pending;
    std::string output;
    AuthServerState state;
    for (const char byte : all) {
        ASSERT_TRUE(std::holds_alternative<AuthInProgress>(state));
        pending += byte;
        const auto progress = feed(server, pending);
        pending.erase(0, progress.consumed);
        output += progress.output;
        state = progress.state;
    }
    EXPECT_EQ(output, kRejected + "DATA\r\n" + kOk + "AGREE_UNIX_FD\r\n");
    EXPECT_EQ(state, AuthServerState{kRootWithFds});
    EXPECT_EQ(pending, "");
}

const Script kAnonymous[] = {
    {"no trace", {{"\0AUTH ANONYMOUS\r\n"s, kOk}}, kInProgress},
    {"trace", {{"\0AUTH ANONYMOUS 6d654078\r\n"s, kOk}}, kInProgress},
    {"trace beyond ASCII", {{"\0AUTH ANONYMOUS c3a9\r\n"s, kOk}}, kInProgress},
    {"line feed in the trace", {{"\0AUTH ANONYMOUS 0a\r\n"s, kOk}}, kInProgress},
    {"trace not UTF-8", {{"\0AUTH ANONYMOUS ff\r\n"s, kRejected}}, kInProgress},
    {"surrogate in the trace", {{"\0AUTH ANONYMOUS eda080\r\n"s, kRejected}}, kInProgress},
    {"NUL in the trace", {{"\0AUTH ANONYMOUS 6100\r\n"s, kRejected}}, kInProgress},
};
TEST(AuthServerAnonymous, SaysOkEvenWhereNotAllowed) {
    for (const Script& script : kAnonymous)
        play(script, root_options());
}

TEST(AuthServerAnonymous, FailsAtBeginWhereNotAllowed) {
    play({"not allowed",
          {{"\0AUTH ANONYMOUS\r\n"s, kOk},
           {"NEGOTIATE_UNIX_FD\r\n", "AGREE_UNIX_FD\r\n"},
           {"BEGIN\r\n", ""}},
          AuthServerError::AnonymousNotAllowed},
         root_options());
}

TEST(AuthServerAnonymous, HasNoUidWhereAllowed) {
    AuthServerOptions options = root_options();
    options.allow_anonymous = true;
    const AuthBegin begin{AuthMechanism::Anonymous, std::nullopt, true};
    play({"allowed",
          {{"\0AUTH ANONYMOUS\r\nNEGOTIATE_UNIX_FD\r\n"s, kOk + "AGREE_UNIX_FD\r\n"},
           {"BEGIN\r\n", ""}},
          begin},
         options);
}

TEST(AuthServerMechanisms, OffersTheAllowedOnesInFixedOrder) {
    AuthServerOptions options = root_options();
    options.mechanisms = {AuthMechanism::Anonymous, AuthMechanism::External};
    const std::string rejected = "REJECTED EXTERNAL ANONYMOUS\r\n";
    play({"two of three",
          {{"\0AUTH\r\n"s, rejected},
           {"AUTH DBUS_COOKIE_SHA1 30\r\n", rejected},
           {"AUTH ANONYMOUS\r\n", kOk}},
          kInProgress},
         options);
    options.mechanisms = {};
    play({"none", {{"\0AUTH\r\nAUTH EXTERNAL 30\r\n"s, "REJECTED\r\nREJECTED\r\n"}}, kInProgress},
         options);
}

class AuthServerCookie : public testing::Test {
protected:
    AuthServerCookie() { options_.peer_uid.reset(); }
    AuthServerProgress feed(AuthServer& server, std::string_view text) const {
        return bus::feed(server, text, cookie_);
    }
    /// Opens the conversation; returns the challenge, or nothing where rejected.
    std::string challenge(AuthServer& server, std::string_view identity) {
        const auto progress = feed(server, "\0AUTH DBUS_COOKIE_SHA1 "s + to_hex(identity) + "\r\n");
        if (progress.output == kRejected) return {};
        EXPECT_TRUE(progress.output.starts_with("DATA ")) << progress.output;
        const std::string_view digits =
            std::string_view(progress.output).substr(5, progress.output.size() - 7);
        const std::string data = from_hex(digits).value_or("");
        const std::string prefix = "org_freedesktop_general 42 ";
        EXPECT_TRUE(data.starts_with(prefix)) << data;
        return data.substr(std::min(prefix.size(), data.size()));
    }
    static std::string data_line(std::string_view data) { return "DATA " + to_hex(data) + "\r\n"; }

    std::optional<AuthCookie> cookie_ = AuthCookie{"org_freedesktop_general", 42, "c0ffee"};
    AuthServerOptions options_ = root_options();
};

TEST_F(AuthServerCookie, ProvesTheBusOwner) {
    AuthServer server(options_);
    const std::string challenge_text = challenge(server, "0");
    ASSERT_EQ(challenge_text.size(), 32U);
    EXPECT_EQ(
        feed(server, data_line("mine " + cookie_proof(challenge_text, "mine", "c0ffee"))).output,
        kOk);
    const AuthBegin begin{AuthMechanism::CookieSha1, 0, false};
    EXPECT_EQ(feed(server, "BEGIN\r\n").state, AuthServerState{begin});
}

TEST_F(AuthServerCookie, NamesTheBusOwnerByUidOrLogin) {
    for (const std::string_view identity : {"0", "00", "root"}) {
        AuthServer server(options_);
        EXPECT_NE(challenge(server, identity), "") << identity;
    }
    for (const std::string_view identity : {"1000", "nobody", "", "4294967296", "a b", "0 0"}) {
        AuthServer server(options_);
        EXPECT_EQ(challenge(server, identity), "") << identity;
    }
    // dbus-daemon takes these.
    for (const std::string_view identity : {" 0", "0x0"}) {
        AuthServer server(options_);
        EXPECT_EQ(challenge(server, identity), "") << identity;
    }
}

TEST_F(AuthServerCookie, AnEmptyIdentityIsNotAnUnknownLogin) {
    options_.bus_owner_name.clear();
    AuthServer server(options_);
    EXPECT_EQ(challenge(server, ""), "");
}

TEST_F(AuthServerCookie, GivesANewChallengeEachTime) {
    AuthServer first(options_);
    AuthServer second(options_);
    EXPECT_NE(challenge(first, "0"), challenge(second, "0"));
}

TEST_F(AuthServerCookie, RejectsWhereThereIsNoCookie) {
    cookie_.reset();
    AuthServer server(options_);
    EXPECT_EQ(challenge(server, "0"), "");
}

TEST_F(AuthServerCookie, NothingIsTakenWhileTheCookieIsAwaited) {
    AuthServer server(options_);
    const std::string first = "\0AUTH DBUS_COOKIE_SHA1 30\r\n"s;
    const std::string lines = first + "CANCEL\r\n";
    auto progress = server.feed(std::as_bytes(std::span(lines)));
    EXPECT_EQ(progress.state, AuthServerState{AuthAwaitsCookie{}});
    EXPECT_EQ(progress.consumed, first.size());
    EXPECT_EQ(progress.output, "");
    progress = server.supply_cookie(cookie_);
    EXPECT_EQ(progress.state, AuthServerState{kInProgress});
    EXPECT_TRUE(progress.output.starts_with("DATA ")) << progress.output;
    EXPECT_EQ(feed(server, "CANCEL\r\n").output, kRejected);
}

TEST_F(AuthServerCookie, MissingCookiesCountAsRejections) {
    AuthServer server(options_);
    std::string lines("\0", 1);
    for (int i = 0; i < 6; ++i)
        lines += "AUTH DBUS_COOKIE_SHA1 30\r\n";
    EXPECT_EQ(bus::feed(server, lines).state, AuthServerState{AuthServerError::TooManyRejections});
}

// Recorded from dbus-daemon: $ stands for the digest of the challenge that the case names.
const struct {
    std::string about, client_challenge, data;
    bool accepted;
} kProofs[] = {
    {"one blank", "abc", "abc $", true},
    {"two blanks", "abc", "abc  $", true},
    {"tab", "abc", "abc\t$", true},
    {"challenge beyond ASCII", "a\xff", "a\xff $", true},
    {"long challenge", std::string(4000, 'a'), std::string(4000, 'a') + " $", true},
    {"blank behind", "abc", "abc $ ", false},
    {"NUL behind", "abc", "abc $\0"s, false},
    {"empty challenge", "", " $", false},
    {"no challenge", "", "$", false},
    {"blank in the challenge", "a b", "a b $", false},
    {"blank before the challenge", "a", " a $", false},
    {"wrong digest", "abc", "abc 0000000000000000000000000000000000000000", false},
    {"digest of another challenge", "abc", "abd $", false},
    {"no digest", "abc", "abc ", false},
    {"challenge only", "abc", "abc", false},
    {"nothing", "", "", false},
};
TEST_F(AuthServerCookie, JudgesTheProofAsDbusDaemon) {
    for (const auto& [about, client_challenge, pattern, accepted] : kProofs) {
        AuthServer server(options_);
        const std::string challenge_text = challenge(server, "0");
        std::string data = pattern;
        if (const std::size_t at = data.find('$'); at != std::string::npos) {
            data.replace(at, 1, cookie_proof(challenge_text, client_challenge, "c0ffee"));
        }
        EXPECT_EQ(feed(server, data_line(data)).output, accepted ? kOk : kRejected) << about;
    }
}

TEST_F(AuthServerCookie, DigestInUpperCaseIsRejected) {
    AuthServer server(options_);
    std::string proof = cookie_proof(challenge(server, "0"), "abc", "c0ffee");
    for (char& digit : proof) {
        if (digit >= 'a') digit = static_cast<char>(digit - 'a' + 'A');
    }
    EXPECT_EQ(feed(server, data_line("abc " + proof)).output, kRejected);
}

TEST_F(AuthServerCookie, AChallengeIsGoodForOneTry) {
    AuthServer server(options_);
    const std::string challenge_text = challenge(server, "0");
    EXPECT_EQ(feed(server, data_line("a b")).output, kRejected);
    EXPECT_EQ(feed(server, data_line("a " + cookie_proof(challenge_text, "a", "c0ffee"))).output,
              error("Not currently in an auth conversation"));
}

TEST_F(AuthServerCookie, BadHexLeavesTheChallengeOpen) {
    AuthServer server(options_);
    const std::string challenge_text = challenge(server, "0");
    EXPECT_EQ(feed(server, "DATA zz\r\n").output, error("Invalid hex encoding"));
    EXPECT_EQ(feed(server, data_line("a " + cookie_proof(challenge_text, "a", "c0ffee"))).output,
              kOk);
}

TEST_F(AuthServerCookie, CancelledConversationLeavesExternalOpen) {
    options_.peer_uid = 0;
    AuthServer server(options_);
    EXPECT_NE(challenge(server, "0"), "");
    EXPECT_EQ(feed(server, "AUTH EXTERNAL 30\r\n").output,
              error("Sent AUTH while another AUTH in progress"));
    EXPECT_EQ(feed(server, "CANCEL\r\nAUTH EXTERNAL 30\r\n").output, kRejected + kOk);
}

TEST(CookieProof, IsTheSha1OfBothChallengesAndTheCookie) {
    // printf 'server:client:cookie' | sha1sum
    EXPECT_EQ(cookie_proof("server", "client", "cookie"),
              "da886d42e1fee942674b87d4f0d6c3d35804d5eb");
}

}  // namespace
}  // namespace buzon::bus
