// SPDX-License-Identifier: Apache-2.0
// The server's half of the authentication protocol: bytes of the client in, lines for it out.
// Knows no socket: the caller moves the bytes, and what it knows of the peer comes as options;
// cookies it brings when they are asked for.
// Limits: 16 KiB a line, 16 KiB of answers in all, six rejections. Time is the caller's to limit.
// Source: D-Bus Specification, "Authentication Protocol", "Server states"; the answers' texts and
// what happens where the text is silent are dbus-daemon's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "bus/auth_protocol.h"
#include "bus/guid.h"

namespace buzon::bus {

/// A secret that the bus owner's programs can read and others cannot.
struct AuthCookie {
    std::string context;
    std::uint32_t id = 0;
    std::string cookie;
};

enum class AuthServerError : std::uint8_t {
    FirstByteNotNul,
    LineTooLong,
    TooMuchOutput,
    TooManyRejections,
    BeginTooEarly,
    AnonymousNotAllowed,
};

[[nodiscard]] std::string_view describe(AuthServerError error);

struct AuthServerOptions {
    /// Of the listener that the client came through.
    Guid guid;
    AuthMechanisms mechanisms = AuthMechanisms::all();
    /// The uid that the kernel reports for the peer; none for sockets that report none.
    std::optional<std::uint32_t> peer_uid = std::nullopt;
    bool can_pass_fds = false;
    bool allow_anonymous = false;
    /// The only one whose cookies count, named by uid or, if not empty, by this login name.
    std::uint32_t bus_owner_uid = 0;
    std::string bus_owner_name = {};
};

/// The client said BEGIN, and messages follow.
struct AuthBegin {
    AuthMechanism mechanism = AuthMechanism::Anonymous;
    /// Whom the client has proved to be; none: anonymous.
    std::optional<std::uint32_t> uid;
    bool unix_fds = false;
    friend bool operator==(const AuthBegin&, const AuthBegin&) = default;
};
/// DBUS_COOKIE_SHA1 needs a cookie of the bus owner's keyring: see supply_cookie().
struct AuthAwaitsCookie {
    friend bool operator==(const AuthAwaitsCookie&, const AuthAwaitsCookie&) = default;
};
using AuthServerState = std::variant<AuthInProgress, AuthAwaitsCookie, AuthBegin, AuthServerError>;

struct AuthServerProgress {
    /// Bytes from the front that are dealt with. After AuthBegin the rest is messages; while in
    /// progress the rest is the start of a line, to be handed in again with more bytes behind it.
    std::size_t consumed = 0;
    /// To be sent, in any state; after an error the connection is closed behind it.
    std::string output;
    AuthServerState state;
};

class AuthServer {
public:
    explicit AuthServer(AuthServerOptions options) : options_(std::move(options)) {}

    /// Answers all complete lines of `bytes` up to BEGIN. Not to be called once the state has
    /// been other than AuthInProgress.
    AuthServerProgress feed(std::span<const std::byte> bytes);
    /// Goes on after AuthAwaitsCookie, in which nothing is to be fed. `cookie`: fresh enough to
    /// outlive the conversation; none where the keyring cannot be used: the client is rejected.
    AuthServerProgress supply_cookie(std::optional<AuthCookie> cookie);
    [[nodiscard]] bool awaits_cookie() const {
        return std::holds_alternative<AuthAwaitsCookie>(state_);
    }

private:
    enum class Phase : std::uint8_t { AwaitNul, AwaitAuth, AwaitData, AwaitBegin };
    /// A DBUS_COOKIE_SHA1 conversation whose challenge is out.
    struct Challenge {
        std::string text;
        std::string cookie;
    };
    struct Command;

    std::size_t take_nul(std::string_view text);
    std::size_t take_line(std::string_view text);
    void handle_line(std::string_view line);
    void handle_auth(std::string_view arguments);
    void handle_cancel(std::string_view arguments);
    void handle_data(std::string_view arguments);
    void handle_begin(std::string_view arguments);
    void handle_error(std::string_view arguments);
    void handle_negotiate_unix_fd(std::string_view arguments);

    void continue_mechanism(std::string_view digits);
    void continue_external(std::string_view identity);
    void continue_cookie(std::string_view data);
    void challenge_for_cookie(std::string_view identity);
    void continue_anonymous(std::string_view trace);

    void accept(std::optional<std::uint32_t> uid);
    void reject();
    void ask(std::string_view data);
    void say(std::string_view line);
    void say_error(std::string_view text);
    [[nodiscard]] bool in_progress() const {
        return std::holds_alternative<AuthInProgress>(state_);
    }

    AuthServerOptions options_;
    Phase phase_ = Phase::AwaitNul;
    AuthServerState state_;
    std::string output_;
    std::size_t output_total_ = 0;
    unsigned rejections_ = 0;
    // The conversation: its mechanism and how far that is. After OK, who the client is.
    AuthMechanism mechanism_ = AuthMechanism::External;
    bool identity_asked_ = false;
    std::optional<Challenge> challenge_;
    std::optional<std::uint32_t> uid_;
    bool unix_fds_ = false;
};

}  // namespace buzon::bus
