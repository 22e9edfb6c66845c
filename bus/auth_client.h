// SPDX-License-Identifier: Apache-2.0
// The client's half of the authentication protocol: what to send to a server, and what to make of
// its lines. Knows no socket: the caller moves the bytes.
// Tries EXTERNAL, DBUS_COOKIE_SHA1, ANONYMOUS in this order, those that it is allowed and that
// the server has not left out of its list. Limits: 16 KiB a line, 16 KiB of output in all.
// Source: D-Bus Specification, "Authentication Protocol", "Client states".
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

/// The cookies that the client's user can read.
class CookieLookup {
public:
    CookieLookup() = default;
    CookieLookup(const CookieLookup&) = delete;
    CookieLookup& operator=(const CookieLookup&) = delete;
    virtual ~CookieLookup() = default;

    /// `context` comes from the server, and can be anything.
    virtual std::optional<std::string> find_cookie(std::string_view context, std::uint32_t id) = 0;
};

enum class AuthClientError : std::uint8_t {
    LineTooLong,
    TooMuchOutput,
    NoMechanismLeft,   // each one was rejected, or there was none to try
    UnexpectedAnswer,  // to CANCEL or NEGOTIATE_UNIX_FD
    BadGuid,
    OtherGuid,  // the address promised another server
};

[[nodiscard]] std::string_view describe(AuthClientError error);

struct AuthClientOptions {
    /// Whom to claim to be.
    std::uint32_t uid = 0;
    AuthMechanisms mechanisms = {AuthMechanism::External};
    bool negotiate_fds = false;
    /// `guid=` of the address, where it has one.
    std::optional<Guid> expected_guid = std::nullopt;
    /// Sent with ANONYMOUS, for the server's log; UTF-8.
    std::string anonymous_trace = {};
    /// Not owned; null makes DBUS_COOKIE_SHA1 fail.
    CookieLookup* cookies = nullptr;
};

/// BEGIN is in the output, and messages may follow it.
struct AuthAgreed {
    AuthMechanism mechanism = AuthMechanism::External;
    Guid guid;
    bool unix_fds = false;
    friend bool operator==(const AuthAgreed&, const AuthAgreed&) = default;
};
using AuthClientState = std::variant<AuthInProgress, AuthAgreed, AuthClientError>;

struct AuthClientProgress {
    /// Bytes from the front that are dealt with. While in progress the rest is the start of a
    /// line, to be handed in again with more bytes behind it.
    std::size_t consumed = 0;
    /// To be sent, in any state.
    std::string output;
    AuthClientState state;
};

class AuthClient {
public:
    explicit AuthClient(AuthClientOptions options) : options_(std::move(options)) {}

    /// The NUL byte and the first line. Once, before feed().
    AuthClientProgress start();
    /// Answers all complete lines of `bytes`. Not to be called once the state has been other than
    /// AuthInProgress.
    AuthClientProgress feed(std::span<const std::byte> bytes);

private:
    enum class Phase : std::uint8_t { AwaitData, AwaitOk, AwaitReject, AwaitAgree };

    std::size_t take_line(std::string_view text);
    void handle_line(std::string_view line);
    void handle_ok(std::string_view guid);
    void handle_rejected(std::string_view mechanisms);
    void handle_data(std::string_view digits);
    void handle_error();
    void handle_agree_unix_fd();
    void handle_unknown();

    void try_next_mechanism();
    void answer_challenge(std::string_view challenge);
    void begin();
    void say(std::string_view line);
    [[nodiscard]] AuthClientProgress progress(std::size_t consumed);
    [[nodiscard]] bool in_progress() const {
        return std::holds_alternative<AuthInProgress>(state_);
    }

    AuthClientOptions options_;
    Phase phase_ = Phase::AwaitOk;
    AuthClientState state_;
    std::string output_;
    std::size_t output_total_ = 0;
    AuthMechanism mechanism_ = AuthMechanism::External;
    std::optional<Guid> guid_;
    bool unix_fds_ = false;
};

}  // namespace buzon::bus
