// SPDX-License-Identifier: Apache-2.0
// Reading needs no lock, because a keyring is only ever replaced whole, by rename(). Writing does:
// a lock file made with O_EXCL, as libdbus makes it. libdbus sleeps while somebody else holds it,
// up to 8 seconds, and then breaks it; others wait for the launcher too, so here a lock younger
// than that is a failure (the client is rejected and may come again) and an older one is broken.
#include "broker/launcher/cookie_keyring.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "bus/base/hex.h"
#include "bus/base/random.h"

namespace buzon::broker {
namespace {

using bus::FileDescriptor;
using bus::Result;
using bus::Unexpected;

constexpr std::int64_t kGivenOutFor = 5 * 60;
constexpr std::int64_t kKeptFor = 7 * 60;
constexpr std::int64_t kMaxAhead = 5 * 60;
constexpr std::int64_t kLockBreaksAfter = 8;
constexpr std::uint32_t kMaxId = 0x7fffffff;
constexpr std::size_t kMaxFileBytes = 1024 * 1024;
constexpr std::size_t kCookieBytes = 24;
constexpr std::string_view kBlanks = " \t";

Unexpected<KeyringFailure> failure(KeyringError error, int system_error = 0) {
    return Unexpected{KeyringFailure{error, system_error}};
}

std::vector<std::string_view> split_fields(std::string_view line) {
    std::vector<std::string_view> fields;
    std::size_t start = line.find_first_not_of(kBlanks);
    while (start != std::string_view::npos) {
        const std::size_t end = line.find_first_of(kBlanks, start);
        fields.push_back(line.substr(start, end - start));
        start = line.find_first_not_of(kBlanks, end);
    }
    return fields;
}

template <typename Integer>
std::optional<Integer> parse_decimal(std::string_view digits) {
    Integer value = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stopped, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc{} || stopped != end) return std::nullopt;
    return value;
}

bool has_id(std::span<const KeyringCookie> cookies, std::uint32_t id) {
    return std::ranges::find(cookies, id, &KeyringCookie::id) != cookies.end();
}

KeyringCookie make_cookie(std::span<const KeyringCookie> others, std::int64_t now) {
    KeyringCookie cookie;
    do {
        bus::fill_random(std::as_writable_bytes(std::span(&cookie.id, 1)));
        cookie.id &= kMaxId;
    } while (has_id(others, cookie.id));
    std::array<std::byte, kCookieBytes> secret{};
    bus::fill_random(secret);
    cookie.created = now;
    cookie.digits = bus::to_hex(secret);
    return cookie;
}

/// 0, or errno.
int write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return 0;
}

}  // namespace

std::string_view describe(KeyringLineError error) {
    switch (error) {
        case KeyringLineError::WrongFieldCount: return "a line has an id, a time and a cookie";
        case KeyringLineError::BadId: return "an id is a number below 2^31";
        case KeyringLineError::BadTime: return "a creation time is a number of seconds";
        case KeyringLineError::BadCookie: return "a cookie is an even number of hexadecimal digits";
    }
    return "unknown error";
}

std::string_view describe(KeyringError error) {
    switch (error) {
        case KeyringError::BadContext: return "the cookie context cannot be a file name";
        case KeyringError::NoDirectory: return "the keyring directory cannot be opened";
        case KeyringError::DirectoryNotPrivate: return "others may enter the keyring directory";
        case KeyringError::Unreadable: return "the keyring cannot be read";
        case KeyringError::TooLarge: return "the keyring is larger than 1 MiB";
        case KeyringError::Locked: return "the keyring is locked by another server";
        case KeyringError::Unwritable: return "the keyring cannot be written";
    }
    return "unknown error";
}

std::string describe(const KeyringFailure& failure) {
    std::string text(describe(failure.error));
    if (failure.system_error != 0) text += fmt::format(": {}", std::strerror(failure.system_error));
    return text;
}

Result<KeyringCookie, KeyringLineError> parse_keyring_line(std::string_view line) {
    const auto fields = split_fields(line);
    if (fields.size() != 3) return Unexpected{KeyringLineError::WrongFieldCount};
    const auto id = parse_decimal<std::uint32_t>(fields[0]);
    if (!id || *id > kMaxId) return Unexpected{KeyringLineError::BadId};
    const auto created = parse_decimal<std::int64_t>(fields[1]);
    if (!created || *created < 0) return Unexpected{KeyringLineError::BadTime};
    const auto secret = bus::from_hex(fields[2]);
    if (!secret) return Unexpected{KeyringLineError::BadCookie};
    return KeyringCookie{*id, *created, bus::to_hex(std::string_view(*secret))};
}

std::vector<KeyringCookie> parse_keyring(std::string_view text) {
    std::vector<KeyringCookie> cookies;
    while (!text.empty() && cookies.size() < kMaxKeyringCookies) {
        const std::size_t end = text.find('\n');
        auto cookie = parse_keyring_line(text.substr(0, end));
        if (cookie && !has_id(cookies, cookie->id)) cookies.push_back(*std::move(cookie));
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    }
    return cookies;
}

std::string format_keyring(std::span<const KeyringCookie> cookies) {
    std::string text;
    for (const KeyringCookie& cookie : cookies) {
        text += fmt::format("{} {} {}\n", cookie.id, cookie.created, cookie.digits);
    }
    return text;
}

void prune_keyring(std::vector<KeyringCookie>& cookies, std::int64_t now) {
    std::erase_if(cookies, [now](const KeyringCookie& cookie) {
        return cookie.created < now - kKeptFor || cookie.created > now + kMaxAhead;
    });
}

const KeyringCookie* find_fresh_cookie(std::span<const KeyringCookie> cookies, std::int64_t now) {
    const KeyringCookie* newest = nullptr;
    for (const KeyringCookie& cookie : cookies) {
        if (cookie.created < now - kGivenOutFor || cookie.created > now + kMaxAhead) continue;
        if (!newest || cookie.created > newest->created) newest = &cookie;
    }
    return newest;
}

bool is_cookie_context(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return c > ' ' && c < '\x7f' && c != '/' && c != '\\' && c != '.';
    });
}

/// The lock file, while it exists by our hand.
class CookieKeyring::Lock {
public:
    Lock(int directory, std::string name) : directory_(directory), name_(std::move(name)) {}
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    Lock(Lock&&) = delete;
    Lock& operator=(Lock&&) = delete;
    ~Lock() {
        if (held_) ::unlinkat(directory_, name_.c_str(), 0);
    }

    Result<void, KeyringFailure> take(std::int64_t now) {
        if (!create() && errno == EEXIST && is_stale(now)) {
            ::unlinkat(directory_, name_.c_str(), 0);
            create();
        }
        if (held_) return {};
        return errno == EEXIST ? failure(KeyringError::Locked)
                               : failure(KeyringError::Unwritable, errno);
    }

private:
    bool create() {
        const FileDescriptor file(::openat(directory_, name_.c_str(),
                                           O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                                           S_IRUSR | S_IWUSR));
        held_ = static_cast<bool>(file);
        return held_;
    }
    [[nodiscard]] bool is_stale(std::int64_t now) const {
        struct stat status {};
        if (::fstatat(directory_, name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
            return errno == ENOENT;
        }
        // One from the future is older than a change of the clock.
        return status.st_mtime < now - kLockBreaksAfter || status.st_mtime > now + kLockBreaksAfter;
    }

    int directory_;
    std::string name_;
    bool held_ = false;
};

Result<bus::AuthCookie, KeyringFailure> CookieKeyring::fresh_cookie() {
    if (!is_cookie_context(context_)) return failure(KeyringError::BadContext);
    const auto directory = open_directory();
    if (!directory) return Unexpected{directory.error()};
    const auto text = read_file(directory->get());
    if (!text) return Unexpected{text.error()};

    const auto cookies = parse_keyring(*text);
    if (const KeyringCookie* fresh = find_fresh_cookie(cookies, now())) {
        return bus::AuthCookie{context_, fresh->id, fresh->digits};
    }
    auto added = add_cookie(directory->get());
    if (!added) return Unexpected{added.error()};
    return bus::AuthCookie{context_, added->id, added->digits};
}

Result<FileDescriptor, KeyringFailure> CookieKeyring::open_directory() const {
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    FileDescriptor directory(::open(directory_.c_str(), kFlags));
    if (!directory && errno == ENOENT && ::mkdir(directory_.c_str(), S_IRWXU) == 0) {
        directory.reset(::open(directory_.c_str(), kFlags));
    }
    struct stat status {};
    if (!directory || ::fstat(directory.get(), &status) != 0) {
        return failure(KeyringError::NoDirectory, errno);
    }
    if (status.st_uid != ::geteuid() || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return failure(KeyringError::DirectoryNotPrivate);
    }
    return directory;
}

Result<std::string, KeyringFailure> CookieKeyring::read_file(int directory) const {
    // O_NONBLOCK: a FIFO of that name must not stop the bus.
    const FileDescriptor file(
        ::openat(directory, context_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file && errno == ENOENT) return std::string{};
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0) return failure(KeyringError::Unreadable, errno);
    if (!S_ISREG(status.st_mode)) return failure(KeyringError::Unreadable, EINVAL);

    std::string text;
    std::array<char, 4096> chunk{};
    while (text.size() <= kMaxFileBytes) {
        const ssize_t got = ::read(file.get(), chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failure(KeyringError::Unreadable, errno);
        if (got == 0) return text;
        text.append(chunk.data(), static_cast<std::size_t>(got));
    }
    return failure(KeyringError::TooLarge);
}

Result<KeyringCookie, KeyringFailure> CookieKeyring::add_cookie(int directory) const {
    Lock lock(directory, context_ + ".lock");
    const auto locked = lock.take(now());
    if (!locked) return Unexpected{locked.error()};
    // Somebody else may have added one before the lock was ours.
    const auto text = read_file(directory);
    if (!text) return Unexpected{text.error()};
    auto cookies = parse_keyring(*text);
    prune_keyring(cookies, now());
    if (const KeyringCookie* fresh = find_fresh_cookie(cookies, now())) return *fresh;

    auto cookie = make_cookie(cookies, now());
    if (cookies.size() == kMaxKeyringCookies) cookies.erase(cookies.begin());
    cookies.push_back(cookie);
    const auto replaced = replace_file(directory, format_keyring(cookies));
    if (!replaced) return Unexpected{replaced.error()};
    return cookie;
}

Result<void, KeyringFailure> CookieKeyring::replace_file(int directory,
                                                         std::string_view text) const {
    const std::string name = fmt::format("{}.tmp-{}", context_, bus::random_alphanumerics(10));
    const FileDescriptor file(::openat(directory, name.c_str(),
                                       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                                       S_IRUSR | S_IWUSR));
    if (!file) return failure(KeyringError::Unwritable, errno);
    int error = write_all(file.get(), text);
    if (error == 0 && ::fchmod(file.get(), S_IRUSR | S_IWUSR) != 0) error = errno;
    if (error == 0 && ::renameat(directory, name.c_str(), directory, context_.c_str()) != 0) {
        error = errno;
    }
    if (error == 0) return {};
    ::unlinkat(directory, name.c_str(), 0);
    return failure(KeyringError::Unwritable, error);
}

std::int64_t CookieKeyring::now() const {
    return std::chrono::duration_cast<std::chrono::seconds>(clock_().time_since_epoch()).count();
}

}  // namespace buzon::broker
