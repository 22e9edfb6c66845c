// SPDX-License-Identifier: Apache-2.0
// A client may be in one of four phases. Each command is one function, which looks at the phase:
//
//     AwaitNul    the very first byte
//     AwaitAuth   no mechanism runs; AUTH starts one
//     AwaitData   a mechanism has asked something; DATA answers
//     AwaitBegin  authenticated; NEGOTIATE_UNIX_FD and BEGIN end the conversation
//
// A mechanism gets decoded data and calls one of ask(), accept() and reject(), which also change
// the phase. Whatever is malformed gets ERROR and changes nothing. A rejection forgets all that
// was agreed on, so a client cannot keep descriptors negotiated under another identity.
#include "bus/auth_server.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include <fmt/format.h>

#include "bus/base/hex.h"
#include "bus/body_check.h"

namespace buzon::bus {
namespace {

constexpr unsigned kMaxRejections = 6;
constexpr std::size_t kMaxOutputBytes = 16 * 1024;

/// Takes the same time for every wrong digest of the right length.
bool equal_in_constant_time(std::string_view left, std::string_view right) {
    if (left.size() != right.size()) return false;
    unsigned difference = 0;
    for (std::size_t i = 0; i < left.size(); ++i) {
        difference |= static_cast<unsigned>(left[i] ^ right[i]);
    }
    return difference == 0;
}

}  // namespace

std::string_view describe(AuthServerError error) {
    switch (error) {
        case AuthServerError::FirstByteNotNul: return "the first byte is not NUL";
        case AuthServerError::LineTooLong: return "an authentication line is longer than 16 KiB";
        case AuthServerError::TooMuchOutput: return "authentication took too many answers";
        case AuthServerError::TooManyRejections: return "authentication was rejected six times";
        case AuthServerError::BeginTooEarly: return "BEGIN came before authentication succeeded";
        case AuthServerError::AnonymousNotAllowed: return "anonymous connections are not allowed";
    }
    return "unknown error";
}

AuthServerProgress AuthServer::feed(std::span<const std::byte> bytes) {
    assert(in_progress());
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    while (in_progress() && !text.empty()) {
        const std::size_t taken = phase_ == Phase::AwaitNul ? take_nul(text) : take_line(text);
        if (taken == 0) break;
        text.remove_prefix(taken);
    }
    return {bytes.size() - text.size(), std::exchange(output_, {}), state_};
}

std::size_t AuthServer::take_nul(std::string_view text) {
    if (text.front() != '\0') {
        state_ = AuthServerError::FirstByteNotNul;
        return 0;
    }
    phase_ = Phase::AwaitAuth;
    return 1;
}

std::size_t AuthServer::take_line(std::string_view text) {
    const std::size_t length = text.substr(0, kMaxAuthLineBytes).find(kAuthLineEnd);
    if (length == std::string_view::npos) {
        if (text.size() > kMaxAuthLineBytes) state_ = AuthServerError::LineTooLong;
        return 0;
    }
    handle_line(text.substr(0, length));
    return length + kAuthLineEnd.size();
}

struct AuthServer::Command {
    std::string_view name;
    void (AuthServer::*handle)(std::string_view arguments);
};

void AuthServer::handle_line(std::string_view line) {
    static constexpr Command kCommands[] = {
        {"AUTH", &AuthServer::handle_auth},
        {"CANCEL", &AuthServer::handle_cancel},
        {"DATA", &AuthServer::handle_data},
        {"BEGIN", &AuthServer::handle_begin},
        {"ERROR", &AuthServer::handle_error},
        {"NEGOTIATE_UNIX_FD", &AuthServer::handle_negotiate_unix_fd},
    };
    if (!is_auth_text(line)) return say_error("Command contained non-ASCII");
    const auto [name, arguments] = split_auth_line(line);
    const auto* const command = std::ranges::find(kCommands, name, &Command::name);
    if (command == std::end(kCommands)) return say_error("Unknown command");
    (this->*command->handle)(arguments);
}

void AuthServer::handle_auth(std::string_view arguments) {
    if (phase_ == Phase::AwaitData) return say_error("Sent AUTH while another AUTH in progress");
    if (phase_ == Phase::AwaitBegin) return say_error("Sent AUTH while expecting BEGIN");

    const auto [name, response] = split_auth_line(arguments);
    const auto mechanism = find_auth_mechanism(name);
    if (!mechanism || !options_.mechanisms.contains(*mechanism)) return reject();
    mechanism_ = *mechanism;
    continue_mechanism(response);
}

void AuthServer::handle_cancel(std::string_view) {
    if (phase_ == Phase::AwaitAuth) return say_error("Not currently in an auth conversation");
    reject();
}

void AuthServer::handle_data(std::string_view arguments) {
    if (phase_ == Phase::AwaitAuth) return say_error("Not currently in an auth conversation");
    if (phase_ == Phase::AwaitBegin) return say_error("Sent DATA while expecting BEGIN");
    continue_mechanism(arguments);
}

void AuthServer::handle_begin(std::string_view) {
    if (phase_ != Phase::AwaitBegin) {
        state_ = AuthServerError::BeginTooEarly;
    } else if (!uid_ && !options_.allow_anonymous) {
        // Compat: the refusal waits until here because dbus-daemon's does.
        state_ = AuthServerError::AnonymousNotAllowed;
    } else {
        state_ = AuthBegin{mechanism_, uid_, unix_fds_};
    }
}

void AuthServer::handle_error(std::string_view) {
    reject();
}

void AuthServer::handle_negotiate_unix_fd(std::string_view) {
    if (phase_ != Phase::AwaitBegin) return say_error("Need to authenticate first");
    if (!options_.can_pass_fds) return say_error("This transport cannot pass Unix fds");
    unix_fds_ = true;
    say("AGREE_UNIX_FD");
}

void AuthServer::continue_mechanism(std::string_view digits) {
    // An odd number of digits is refused too; dbus-daemon drops the last one.
    const auto data = from_hex(digits);
    if (!data) return say_error("Invalid hex encoding");
    switch (mechanism_) {
        case AuthMechanism::External: return continue_external(*data);
        case AuthMechanism::CookieSha1: return continue_cookie(*data);
        case AuthMechanism::Anonymous: return continue_anonymous(*data);
    }
}

void AuthServer::continue_external(std::string_view identity) {
    if (!options_.peer_uid) return reject();
    if (identity.empty() && !std::exchange(identity_asked_, true)) return ask({});
    // Decimal digits only: dbus-daemon also takes "0x0", "+0", "-0" and leading white space.
    if (!identity.empty() && parse_uid(identity) != options_.peer_uid) return reject();
    accept(options_.peer_uid);
}

void AuthServer::continue_cookie(std::string_view data) {
    if (!challenge_) return challenge_for_cookie(data);
    const auto [client_challenge, proof] = split_auth_line(data);
    if (client_challenge.empty() ||
        !equal_in_constant_time(
            proof, cookie_proof(challenge_->text, client_challenge, challenge_->cookie))) {
        return reject();
    }
    accept(options_.bus_owner_uid);
}

void AuthServer::challenge_for_cookie(std::string_view identity) {
    const bool is_name = !identity.empty() && identity == options_.bus_owner_name;
    if (!is_name && parse_uid(identity) != options_.bus_owner_uid) return reject();
    state_ = AuthAwaitsCookie{};
}

AuthServerProgress AuthServer::supply_cookie(std::optional<AuthCookie> cookie) {
    assert(awaits_cookie());
    state_ = AuthInProgress{};
    if (cookie) {
        challenge_ = Challenge{make_challenge(), std::move(cookie->cookie)};
        ask(fmt::format("{} {} {}", cookie->context, cookie->id, challenge_->text));
    } else {
        reject();
    }
    return {0, std::exchange(output_, {}), state_};
}

void AuthServer::continue_anonymous(std::string_view trace) {
    if (!is_utf8(trace)) return reject();
    accept(std::nullopt);
}

void AuthServer::accept(std::optional<std::uint32_t> uid) {
    uid_ = uid;
    challenge_.reset();
    phase_ = Phase::AwaitBegin;
    say(fmt::format("OK {}", options_.guid.to_string()));
}

void AuthServer::reject() {
    identity_asked_ = false;
    challenge_.reset();
    uid_.reset();
    unix_fds_ = false;
    phase_ = Phase::AwaitAuth;

    std::string line = "REJECTED";
    for (const AuthMechanism mechanism : kAuthMechanisms) {
        if (!options_.mechanisms.contains(mechanism)) continue;
        line += ' ';
        line += auth_mechanism_name(mechanism);
    }
    say(line);
    if (++rejections_ == kMaxRejections && in_progress()) {
        state_ = AuthServerError::TooManyRejections;
    }
}

void AuthServer::ask(std::string_view data) {
    phase_ = Phase::AwaitData;
    say(data.empty() ? "DATA" : fmt::format("DATA {}", to_hex(data)));
}

void AuthServer::say(std::string_view line) {
    output_ += line;
    output_ += kAuthLineEnd;
    output_total_ += line.size() + kAuthLineEnd.size();
    // Whoever needs this many answers is not authenticating; most of them are ERROR by then.
    if (output_total_ > kMaxOutputBytes) state_ = AuthServerError::TooMuchOutput;
}

void AuthServer::say_error(std::string_view text) {
    say(fmt::format("ERROR \"{}\"", text));
}

}  // namespace buzon::bus
