// SPDX-License-Identifier: Apache-2.0
#include "broker/daemonize.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <system_error>

namespace buzon::broker {

namespace {

constexpr int kFirstOwnDescriptor = 3;

[[noreturn]] void fail(const char* text) {
    throw std::system_error(errno, std::generic_category(), text);
}

// Never one of 0, 1 and 2: those of them that are closed are filled on the way.
bus::FileDescriptor open_null() {
    int fd = -1;
    do {
        fd = ::open("/dev/null", O_RDWR | O_NOCTTY);
    } while (fd >= 0 && fd < kFirstOwnDescriptor);
    if (fd < 0) fail("Failed to open \"/dev/null\"");
    return bus::FileDescriptor(fd);
}

void redirect(int number, const bus::FileDescriptor& target) {
    if (::dup2(target.get(), number) < 0) fail("Failed to set up standard input and output");
}

void mark_close_on_exec() {
    if (::close_range(kFirstOwnDescriptor, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        const int fd = std::atoi(entry.path().filename().c_str());
        if (fd >= kFirstOwnDescriptor) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
}

[[noreturn]] void wait_for_child(const bus::FileDescriptor& from_child, pid_t child) {
    char byte = 0;
    ssize_t count = 0;
    do {
        count = ::read(from_child.get(), &byte, 1);
    } while (count < 0 && errno == EINTR);
    if (count == 1) ::_exit(EXIT_SUCCESS);

    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    const bool failed = WIFEXITED(status) && WEXITSTATUS(status) != EXIT_SUCCESS;
    ::_exit(failed ? WEXITSTATUS(status) : EXIT_FAILURE);
}

void write_line(int fd, std::string_view text) {
    const std::string line = fmt::format("{}\n", text);
    for (std::size_t written = 0; written < line.size();) {
        const ssize_t count = ::write(fd, line.data() + written, line.size() - written);
        if (count < 0 && errno != EINTR) fail("Writing to pipe");
        if (count > 0) written += static_cast<std::size_t>(count);
    }
}

}  // namespace

void settle_inherited_descriptors() {
    redirect(0, open_null());
    mark_close_on_exec();
}

BackgroundStart BackgroundStart::fork() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) < 0) fail("Failed to create a pipe");
    bus::FileDescriptor reader(ends[0]);
    bus::FileDescriptor writer(ends[1]);

    const pid_t child = ::fork();
    if (child < 0) fail("Failed to fork daemon");
    if (child > 0) {
        writer.reset();
        wait_for_child(reader, child);
    }
    if (::setsid() < 0) fail("Failed to create a session");
    return BackgroundStart(std::move(writer));
}

void BackgroundStart::ready(Umask umask, StandardError standard_error) {
    if (::chdir("/") < 0) fail("Failed to change to the root directory");
    if (umask == Umask::Reset) ::umask(022);
    const bus::FileDescriptor null = open_null();
    redirect(0, null);
    redirect(1, null);
    if (standard_error == StandardError::Detach) redirect(2, null);
    // A parent that was killed meanwhile is no reason to stop; SIGPIPE is ignored by then.
    [[maybe_unused]] const ssize_t count = ::write(to_parent_.get(), "r", 1);
    to_parent_.reset();
}

void check_announcement(const Announcement& announcement) {
    for (const auto& fd : {announcement.address_fd, announcement.pid_fd}) {
        if (!fd) continue;
        const int flags = ::fcntl(*fd, F_GETFL);
        if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY) continue;
        if (flags >= 0) errno = EBADF;
        fail("Writing to pipe");
    }
}

void announce(const Announcement& announcement, std::string_view address, pid_t pid) {
    if (announcement.address_fd) write_line(*announcement.address_fd, address);
    if (announcement.pid_fd) write_line(*announcement.pid_fd, fmt::to_string(pid));
    // Both are written before either is closed: they may be the same.
    for (const int fd :
         std::set{announcement.address_fd.value_or(0), announcement.pid_fd.value_or(0)}) {
        if (fd >= kFirstOwnDescriptor) ::close(fd);
    }
}

}  // namespace buzon::broker
