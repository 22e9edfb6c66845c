// SPDX-License-Identifier: Apache-2.0
#include "bus/auth_protocol.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "bus/base/hex.h"
#include "bus/base/random.h"
#include "bus/base/sha1.h"

namespace buzon::bus {

std::string_view auth_mechanism_name(AuthMechanism mechanism) {
    switch (mechanism) {
        case AuthMechanism::External: return "EXTERNAL";
        case AuthMechanism::CookieSha1: return "DBUS_COOKIE_SHA1";
        case AuthMechanism::Anonymous: return "ANONYMOUS";
    }
    return "unknown";
}

std::optional<AuthMechanism> find_auth_mechanism(std::string_view name) {
    for (const AuthMechanism mechanism : kAuthMechanisms) {
        if (auth_mechanism_name(mechanism) == name) return mechanism;
    }
    return std::nullopt;
}

AuthMechanisms AuthMechanisms::all() {
    AuthMechanisms mechanisms;
    for (const AuthMechanism mechanism : kAuthMechanisms)
        mechanisms.insert(mechanism);
    return mechanisms;
}

AuthLine split_auth_line(std::string_view line) {
    constexpr std::string_view kBlanks = " \t";
    const std::size_t blank = line.find_first_of(kBlanks);
    if (blank == std::string_view::npos) return {line, {}};
    const std::size_t next = line.find_first_not_of(kBlanks, blank);
    if (next == std::string_view::npos) return {line.substr(0, blank), {}};
    return {line.substr(0, blank), line.substr(next)};
}

bool is_auth_text(std::string_view line) {
    return std::ranges::all_of(line, [](char byte) {
        const auto value = static_cast<unsigned char>(byte);
        return value != 0 && value < 0x80;
    });
}

std::optional<std::uint32_t> parse_uid(std::string_view digits) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (digits.empty() || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
    std::uint32_t uid = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), uid);
    if (parsed.ec != std::errc{}) return std::nullopt;
    if (uid == std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    return uid;
}

std::string cookie_proof(std::string_view server_challenge,
                         std::string_view client_challenge,
                         std::string_view cookie) {
    return sha1_hex(fmt::format("{}:{}:{}", server_challenge, client_challenge, cookie));
}

std::string make_challenge() {
    std::array<std::byte, 16> random{};
    fill_random(random);
    return to_hex(random);
}

}  // namespace buzon::bus
