// SPDX-License-Identifier: Apache-2.0
// What the client waits for is its phase, and every line of the server is judged by it:
//
//     AwaitData    AUTH DBUS_COOKIE_SHA1 is out; DATA brings the challenge
//     AwaitOk      all that the mechanism has to say is out
//     AwaitReject  CANCEL is out; anything but REJECTED ends the connection
//     AwaitAgree   authenticated; NEGOTIATE_UNIX_FD is out
//
// A mechanism is tried once: starting it takes it out of the set of those left.
#include "bus/auth_client.h"

#include <cassert>
#include <charconv>

#include <fmt/format.h>

#include "bus/base/hex.h"

namespace buzon::bus {
namespace {

constexpr std::size_t kMaxOutputBytes = 16 * 1024;

AuthMechanisms listed(std::string_view text) {
    AuthMechanisms mechanisms;
    while (!text.empty()) {
        const auto [name, rest] = split_auth_line(text);
        if (const auto mechanism = find_auth_mechanism(name)) mechanisms.insert(*mechanism);
        text = rest;
    }
    return mechanisms;
}

std::optional<std::uint32_t> parse_cookie_id(std::string_view digits) {
    std::uint32_t id = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stopped, failure] = std::from_chars(digits.data(), end, id);
    if (failure != std::errc{} || stopped != end) return std::nullopt;
    return id;
}

}  // namespace

std::string_view describe(AuthClientError error) {
    switch (error) {
        case AuthClientError::LineTooLong: return "the server's line is longer than 16 KiB";
        case AuthClientError::TooMuchOutput: return "authentication took too many lines";
        case AuthClientError::NoMechanismLeft:
            return "the server accepts no authentication mechanism that can be offered to it";
        case AuthClientError::UnexpectedAnswer: return "the server's answer makes no sense";
        case AuthClientError::BadGuid: return "the server's GUID is malformed";
        case AuthClientError::OtherGuid: return "the server's GUID is not that of the address";
    }
    return "unknown error";
}

AuthClientProgress AuthClient::start() {
    output_ += '\0';
    try_next_mechanism();
    return progress(0);
}

AuthClientProgress AuthClient::feed(std::span<const std::byte> bytes) {
    assert(in_progress());
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    while (in_progress() && !text.empty()) {
        const std::size_t taken = take_line(text);
        if (taken == 0) break;
        text.remove_prefix(taken);
    }
    return progress(bytes.size() - text.size());
}

std::size_t AuthClient::take_line(std::string_view text) {
    const std::size_t length = text.substr(0, kMaxAuthLineBytes).find(kAuthLineEnd);
    if (length == std::string_view::npos) {
        if (text.size() > kMaxAuthLineBytes) state_ = AuthClientError::LineTooLong;
        return 0;
    }
    handle_line(text.substr(0, length));
    return length + kAuthLineEnd.size();
}

void AuthClient::handle_line(std::string_view line) {
    const auto [command, arguments] = split_auth_line(line);
    if (!is_auth_text(line)) return handle_unknown();
    if (command == "OK") return handle_ok(arguments);
    if (command == "REJECTED") return handle_rejected(arguments);
    if (command == "DATA") return handle_data(arguments);
    if (command == "ERROR") return handle_error();
    if (command == "AGREE_UNIX_FD") return handle_agree_unix_fd();
    handle_unknown();
}

void AuthClient::handle_ok(std::string_view text) {
    if (phase_ != Phase::AwaitData && phase_ != Phase::AwaitOk) return handle_unknown();
    const auto guid = Guid::parse(text);
    if (!guid) {
        state_ = AuthClientError::BadGuid;
    } else if (options_.expected_guid && *options_.expected_guid != *guid) {
        state_ = AuthClientError::OtherGuid;
    } else {
        guid_ = *guid;
        if (!options_.negotiate_fds) return begin();
        phase_ = Phase::AwaitAgree;
        say("NEGOTIATE_UNIX_FD");
    }
}

void AuthClient::handle_rejected(std::string_view mechanisms) {
    if (phase_ == Phase::AwaitAgree) return handle_unknown();
    // A server need not list what it has.
    if (!mechanisms.empty()) options_.mechanisms.keep(listed(mechanisms));
    try_next_mechanism();
}

void AuthClient::handle_data(std::string_view digits) {
    if (phase_ == Phase::AwaitData) {
        const auto challenge = from_hex(digits);
        return answer_challenge(challenge ? *challenge : std::string{});
    }
    if (phase_ != Phase::AwaitOk) return handle_unknown();
    phase_ = Phase::AwaitReject;
    say("CANCEL");
}

void AuthClient::handle_error() {
    if (phase_ == Phase::AwaitAgree) return begin();
    if (phase_ == Phase::AwaitReject) return handle_unknown();
    phase_ = Phase::AwaitReject;
    say("CANCEL");
}

void AuthClient::handle_agree_unix_fd() {
    if (phase_ != Phase::AwaitAgree) return handle_unknown();
    unix_fds_ = true;
    begin();
}

void AuthClient::handle_unknown() {
    if (phase_ == Phase::AwaitData || phase_ == Phase::AwaitOk) return say("ERROR");
    state_ = AuthClientError::UnexpectedAnswer;
}

void AuthClient::try_next_mechanism() {
    for (const AuthMechanism mechanism : kAuthMechanisms) {
        if (!options_.mechanisms.contains(mechanism)) continue;
        options_.mechanisms.erase(mechanism);
        mechanism_ = mechanism;
        phase_ = mechanism == AuthMechanism::CookieSha1 ? Phase::AwaitData : Phase::AwaitOk;
        const std::string response = mechanism == AuthMechanism::Anonymous
                                         ? options_.anonymous_trace
                                         : fmt::to_string(options_.uid);
        const std::string_view separator = response.empty() ? "" : " ";
        return say(fmt::format("AUTH {}{}{}", auth_mechanism_name(mechanism), separator,
                               to_hex(std::string_view(response))));
    }
    state_ = AuthClientError::NoMechanismLeft;
}

void AuthClient::answer_challenge(std::string_view data) {
    const auto [context, rest] = split_auth_line(data);
    const auto [id_digits, challenge] = split_auth_line(rest);
    const auto id = parse_cookie_id(id_digits);
    // The answer to ERROR is REJECTED, and then comes the next mechanism.
    if (context.empty() || !id || challenge.empty()) return say("ERROR \"Bad challenge\"");
    const auto cookie =
        options_.cookies ? options_.cookies->find_cookie(context, *id) : std::nullopt;
    if (!cookie) return say("ERROR \"No such cookie\"");

    const std::string own = make_challenge();
    phase_ = Phase::AwaitOk;
    say("DATA " + to_hex(fmt::format("{} {}", own, cookie_proof(challenge, own, *cookie))));
}

void AuthClient::begin() {
    say("BEGIN");
    if (in_progress()) state_ = AuthAgreed{mechanism_, *guid_, unix_fds_};
}

void AuthClient::say(std::string_view line) {
    output_ += line;
    output_ += kAuthLineEnd;
    output_total_ += line.size() + kAuthLineEnd.size();
    if (output_total_ > kMaxOutputBytes) state_ = AuthClientError::TooMuchOutput;
}

AuthClientProgress AuthClient::progress(std::size_t consumed) {
    return {consumed, std::exchange(output_, {}), state_};
}

}  // namespace buzon::bus
