// SPDX-License-Identifier: Apache-2.0
// The <pidfile>: who the running bus is, and that there is one.
// A file left behind by a bus that could not remove it (it had given up its rights) is replaced
// once its process is gone; dbus-daemon refuses to start until somebody removes it. To be made
// before any socket is bound, so that those of a running bus are not taken from it. Errors:
// std::system_error or std::runtime_error, a whole sentence each.
#pragma once

#include <sys/types.h>

#include <string>

#include "bus/base/file_descriptor.h"

namespace buzon::broker {

/// A file that names this process, removed by the destructor.
class Pidfile {
public:
    /// Creates `path`, readable by all, with `pid` and a newline. Throws if the file that is there
    /// names a process that lives, or holds anything but a pid.
    Pidfile(const std::string& path, pid_t pid);
    Pidfile(const Pidfile&) = delete;
    Pidfile& operator=(const Pidfile&) = delete;
    /// Leaves the file alone if it is another one by now. Works after chdir(), and silently does
    /// nothing where the right to remove it has been given up.
    ~Pidfile();

private:
    bus::FileDescriptor directory_;
    std::string name_;
    bus::FileDescriptor file_;
};

}  // namespace buzon::broker
