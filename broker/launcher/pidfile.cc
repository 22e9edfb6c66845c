// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher/pidfile.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "bus/base/file_descriptor.h"

namespace buzon::broker {

namespace {

[[noreturn]] void fail(const std::string& text) {
    throw std::system_error(errno, std::generic_category(), text);
}

/// "123\n" as a pid; nothing for any other text.
std::optional<pid_t> parse_pid(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (error != std::errc() || end != text.data() + text.size() || pid <= 0) return std::nullopt;
    return pid;
}

[[noreturn]] void refuse(const std::string& path) {
    throw std::runtime_error(fmt::format(
        "The pid file \"{}\" exists, if the message bus is not running, remove this file", path));
}

bool is_alive(pid_t pid) {
    return ::kill(pid, 0) == 0 || errno != ESRCH;
}

/// Whether `name` in `directory` is the open `file`, and not a newer one.
bool is_same(int directory, const std::string& name, const bus::FileDescriptor& file) {
    struct stat ours {};
    struct stat there {};
    return ::fstat(file.get(), &ours) == 0 &&
           ::fstatat(directory, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

/// The pid in `file`; nothing where it can't be read or is none.
std::optional<pid_t> read_pid(const bus::FileDescriptor& file) {
    std::array<char, 32> text{};
    const ssize_t size = ::read(file.get(), text.data(), text.size());
    if (size <= 0) return std::nullopt;
    return parse_pid({text.data(), static_cast<std::size_t>(size)});
}

/// Removes what a bus that is gone has left. What can't be read or understood counts as a running
/// bus: better not to start than to start twice. Of two that do this at once, the lock lets one.
void remove_stale(int directory, const std::string& name, const std::string& path, pid_t own_pid) {
    const bus::FileDescriptor file(
        ::openat(directory, name.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
    if (!file && errno == ENOENT) return;
    const auto pid = read_pid(file);
    // Our own number is left over from an earlier life of it, as pid 1 of a container is.
    if (!pid || (*pid != own_pid && is_alive(*pid))) refuse(path);
    if (::flock(file.get(), LOCK_EX | LOCK_NB) < 0 || !is_same(directory, name, file)) refuse(path);
    ::unlinkat(directory, name.c_str(), 0);
}

void write_pid(const bus::FileDescriptor& file, const std::string& path, pid_t pid) {
    const std::string text = fmt::format("{}\n", pid);
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0) fail(fmt::format("Failed to write to \"{}\"", path));
    if (static_cast<std::size_t>(written) < text.size()) {
        errno = ENOSPC;
        fail(fmt::format("Failed to write to \"{}\"", path));
    }
}

}  // namespace

Pidfile Pidfile::create(const std::string& path, pid_t pid) {
    const std::filesystem::path whole(path);
    const std::string parent = whole.has_parent_path() ? whole.parent_path().string() : ".";
    const std::string name = whole.filename().string();
    const bus::FileDescriptor directory(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory) fail(fmt::format("Failed to open \"{}\"", path));

    remove_stale(directory.get(), name, path, pid);
    const bus::FileDescriptor file(::openat(
        directory.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!file && errno == EEXIST) refuse(path);
    if (!file) fail(fmt::format("Failed to open \"{}\"", path));
    try {
        write_pid(file, path, pid);
        return {std::filesystem::absolute(whole).string(), pid};
    } catch (...) {
        ::unlinkat(directory.get(), name.c_str(), 0);
        throw;
    }
}

Pidfile::Pidfile(std::string path, pid_t pid) : path_(std::move(path)), pid_(pid) {}

Pidfile::Pidfile(Pidfile&& other) noexcept
    : path_(std::exchange(other.path_, {})), pid_(other.pid_) {}

Pidfile::~Pidfile() {
    if (path_.empty()) return;
    const bus::FileDescriptor file(
        ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
    if (file && read_pid(file) == pid_) ::unlink(path_.c_str());
}

}  // namespace buzon::broker
