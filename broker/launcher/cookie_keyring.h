// SPDX-License-Identifier: Apache-2.0
// The keyring of DBUS_COOKIE_SHA1: secrets in `~/.dbus-keyrings/<context>`, which whoever can read
// that file shares with the bus. The format is pure functions; the files are CookieKeyring's.
// Times are seconds since the UNIX epoch. A cookie is given out for 5 minutes and kept for 7, so
// that a conversation begun with it can end.
// Source: D-Bus Specification, "DBUS_COOKIE_SHA1"; limits and file format are libdbus's.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bus/auth_server.h"
#include "bus/base/file_descriptor.h"
#include "bus/base/result.h"

namespace buzon::broker {

inline constexpr std::size_t kMaxKeyringCookies = 256;
inline constexpr std::string_view kDefaultCookieContext = "org_freedesktop_general";

struct KeyringCookie {
    std::uint32_t id = 0;      // below 2^31, as libdbus reads it
    std::int64_t created = 0;  // seconds
    std::string digits;        // hexadecimal, lower case: what the proof is made of
    friend bool operator==(const KeyringCookie&, const KeyringCookie&) = default;
};

enum class KeyringLineError : std::uint8_t { WrongFieldCount, BadId, BadTime, BadCookie };

[[nodiscard]] std::string_view describe(KeyringLineError error);

/// "id creation-time cookie", without its line feed.
bus::Result<KeyringCookie, KeyringLineError> parse_keyring_line(std::string_view line);
/// The good lines in their order, at most kMaxKeyringCookies. Bad lines and ids that stand there
/// twice are skipped, as libdbus skips them: others write into that file as well.
[[nodiscard]] std::vector<KeyringCookie> parse_keyring(std::string_view text);
[[nodiscard]] std::string format_keyring(std::span<const KeyringCookie> cookies);
/// Takes out cookies older than 7 minutes or more than 5 minutes ahead of `now`.
void prune_keyring(std::vector<KeyringCookie>& cookies, std::int64_t now);
/// The newest one that may be given out at `now`; null where there is none.
[[nodiscard]] const KeyringCookie* find_fresh_cookie(std::span<const KeyringCookie> cookies,
                                                     std::int64_t now);
/// ASCII, not empty, none of `/ \ .`, no blank, no control character: safe as a file name.
[[nodiscard]] bool is_cookie_context(std::string_view text);

enum class KeyringError : std::uint8_t {
    BadContext,
    NoDirectory,          // cannot be opened or created
    DirectoryNotPrivate,  // of another user, or others may enter it
    Unreadable,
    TooLarge,
    Locked,  // by another server
    Unwritable,
};

[[nodiscard]] std::string_view describe(KeyringError error);

struct KeyringFailure {
    KeyringError error;
    int system_error = 0;  // errno, where a system call failed
};

[[nodiscard]] std::string describe(const KeyringFailure& failure);

/// Reads and writes files in the calling thread, a few small ones, and never waits for a lock.
class CookieKeyring {
public:
    using Clock = std::function<std::chrono::system_clock::time_point()>;

    /// `directory` is `.dbus-keyrings` in the home of whoever runs the bus; it is created when
    /// first needed.
    CookieKeyring(
        std::string directory,
        std::string context,
        Clock clock = [] { return std::chrono::system_clock::now(); })
        : directory_(std::move(directory)),
          context_(std::move(context)),
          clock_(std::move(clock)) {}

    /// A cookie that is in the file by now: the newest, or a new one where that is too old.
    bus::Result<bus::AuthCookie, KeyringFailure> fresh_cookie();

private:
    class Lock;

    [[nodiscard]] bus::Result<bus::FileDescriptor, KeyringFailure> open_directory() const;
    [[nodiscard]] bus::Result<std::string, KeyringFailure> read_file(int directory) const;
    [[nodiscard]] bus::Result<KeyringCookie, KeyringFailure> add_cookie(int directory) const;
    [[nodiscard]] bus::Result<void, KeyringFailure> replace_file(int directory,
                                                                 std::string_view text) const;
    [[nodiscard]] std::int64_t now() const;

    std::string directory_;
    std::string context_;
    Clock clock_;
};

}  // namespace buzon::broker
