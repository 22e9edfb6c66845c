// SPDX-License-Identifier: Apache-2.0
// What the two ends of the authentication protocol share: mechanisms, lines, limits, the proof
// of DBUS_COOKIE_SHA1. Sizes are in bytes.
// Source: D-Bus Specification, "Authentication Protocol".
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace buzon::bus {

/// A line is at most this long with its CR LF, and so is what waits for one.
inline constexpr std::size_t kMaxAuthLineBytes = 16 * 1024;
inline constexpr std::string_view kAuthLineEnd = "\r\n";

/// In the order in which a server offers them.
enum class AuthMechanism : std::uint8_t { External, CookieSha1, Anonymous };
inline constexpr AuthMechanism kAuthMechanisms[] = {
    AuthMechanism::External, AuthMechanism::CookieSha1, AuthMechanism::Anonymous};

[[nodiscard]] std::string_view auth_mechanism_name(AuthMechanism mechanism);
[[nodiscard]] std::optional<AuthMechanism> find_auth_mechanism(std::string_view name);

/// A set of mechanisms.
class AuthMechanisms {
public:
    AuthMechanisms() = default;
    AuthMechanisms(std::initializer_list<AuthMechanism> members) {
        for (const AuthMechanism member : members)
            insert(member);
    }
    static AuthMechanisms all();

    void insert(AuthMechanism mechanism) { bits_ |= bit(mechanism); }
    void erase(AuthMechanism mechanism) { bits_ &= ~bit(mechanism); }
    /// Takes out what is not in `others`.
    void keep(const AuthMechanisms& others) { bits_ &= others.bits_; }
    [[nodiscard]] bool contains(AuthMechanism mechanism) const {
        return (bits_ & bit(mechanism)) != 0;
    }

private:
    static unsigned bit(AuthMechanism mechanism) { return 1U << static_cast<unsigned>(mechanism); }

    unsigned bits_ = 0;
};

/// The state of either end until its conversation has ended.
struct AuthInProgress {
    friend bool operator==(const AuthInProgress&, const AuthInProgress&) = default;
};

/// "COMMAND arguments"; blanks are spaces and tabs, and those between the two belong to neither.
struct AuthLine {
    std::string_view command;
    std::string_view arguments;
};
[[nodiscard]] AuthLine split_auth_line(std::string_view line);
/// No NUL and nothing above 0x7f.
[[nodiscard]] bool is_auth_text(std::string_view line);

/// One or more decimal digits and nothing else, below 2^32 - 1, which means "unknown".
[[nodiscard]] std::optional<std::uint32_t> parse_uid(std::string_view digits);

/// The digest that proves knowledge of `cookie`, as 40 digits in lower case.
[[nodiscard]] std::string cookie_proof(std::string_view server_challenge,
                                       std::string_view client_challenge,
                                       std::string_view cookie);
/// 128 random bits as 32 digits. Throws as fill_random() does.
[[nodiscard]] std::string make_challenge();

}  // namespace buzon::bus
