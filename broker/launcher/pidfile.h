// SPDX-License-Identifier: Apache-2.0
// The <pidfile>: who the running bus is, and that there is one. The launcher's to make and remove.
// A file left behind by a bus that could not remove it (it had given up its rights) is replaced
// once its process is gone; dbus-daemon refuses to start until somebody removes it. To be made
// before any socket is bound, so that those of a running bus are not taken from it. Errors:
// std::system_error or std::runtime_error, a whole sentence each.
#pragma once

#include <sys/types.h>

#include <string>

namespace buzon::broker {

/// A file that names a process, removed by the destructor.
class Pidfile {
public:
    /// Creates `path`, readable by all, with `pid` and a newline. Throws if the file that is there
    /// names a process that lives, or holds anything but a pid.
    [[nodiscard]] static Pidfile create(const std::string& path, pid_t pid);
    /// Takes over a file that somebody else has made. `path` is absolute.
    Pidfile(std::string path, pid_t pid);
    Pidfile(const Pidfile&) = delete;
    Pidfile& operator=(const Pidfile&) = delete;
    Pidfile(Pidfile&& other) noexcept;
    Pidfile& operator=(Pidfile&&) = delete;
    /// Leaves the file alone if it names another process by now. Silently does nothing where the
    /// right to remove it has been given up.
    ~Pidfile();

    /// Absolute, so that it outlives a chdir().
    [[nodiscard]] const std::string& path() const { return path_; }
    /// Leaves the file where it is.
    void release() { path_.clear(); }

private:
    std::string path_;  // empty: it is another's to remove
    pid_t pid_;
};

}  // namespace buzon::broker
