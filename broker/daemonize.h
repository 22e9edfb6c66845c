// SPDX-License-Identifier: Apache-2.0
// The steps that make a process a daemon: standard descriptors, a start in the background, and what
// those who start a bus read from it. Whoever forks sees the parent end only once the bus serves.
// Errors: std::system_error, whose what() is a whole sentence for the administrator.
// Source: dbus-daemon(1), --fork and --print-address; daemon(7).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string_view>

#include "bus/base/file_descriptor.h"

namespace buzon::broker {

/// Makes 0 read nothing, opens those of 1 and 2 that are closed, so that no socket of ours gets
/// such a number, and marks every other descriptor close-on-exec.
void settle_inherited_descriptors();

enum class Umask { Reset, Keep };
enum class StandardError { Detach, Keep };

/// A start in the background, seen from the child.
class BackgroundStart {
public:
    /// Forks. Returns in the child, which is in a session of its own. The parent never returns: it
    /// exits with 0 once ready() was called, and with the child's status if that ends before. No
    /// destructor runs in the parent.
    static BackgroundStart fork();

    /// Goes to "/", sets umask 022 if asked to, cuts the standard descriptors off the terminal and
    /// lets the parent go. Until then relative paths mean what those who started us meant, and
    /// errors reach them.
    void ready(Umask umask, StandardError standard_error);

private:
    explicit BackgroundStart(bus::FileDescriptor to_parent) : to_parent_(std::move(to_parent)) {}

    bus::FileDescriptor to_parent_;
};

/// What --print-address and --print-pid ask for; each absent or a descriptor.
struct Announcement {
    std::optional<int> address_fd;
    std::optional<int> pid_fd;
};

/// Throws if one of the descriptors is not open for writing. To be called before anything is
/// opened, or the number could be that of a socket of our own.
void check_announcement(const Announcement& announcement);

/// Prints `address` and then `pid`, a line each, and closes the descriptors that are over 2.
void announce(const Announcement& announcement, std::string_view address, pid_t pid);

}  // namespace buzon::broker
