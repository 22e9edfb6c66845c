// SPDX-License-Identifier: Apache-2.0
// A child of a load generator: another program, or a fork of itself that plays some peers.
// Invariant: it dies with this object, and by the kernel's hand if the load generator dies first.
// Errors: std::system_error where the kernel refuses.
#pragma once

#include <sys/types.h>
#include <time.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace buzon::load {

class ChildProcess {
public:
    /// Runs `command` with standard output and error in the file `log`; of our descriptors it
    /// keeps `inherited`, under the same numbers.
    static ChildProcess start(const std::vector<std::string>& command,
                              std::span<const int> inherited,
                              const std::string& log);
    /// Runs `play` in a fork; what it throws goes to standard error.
    static ChildProcess fork(const std::function<void()>& play);

    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;
    ChildProcess(ChildProcess&& other) noexcept;
    ChildProcess& operator=(ChildProcess&&) = delete;
    ~ChildProcess();

    [[nodiscard]] pid_t pid() const { return pid_; }
    /// The clock of the CPU time of all its threads, in nanoseconds, ended ones included.
    [[nodiscard]] clockid_t cpu_clock() const;
    /// Asks it to end, waits a while for that, then ends it.
    void stop();

private:
    explicit ChildProcess(pid_t pid) : pid_(pid) {}

    pid_t pid_;
};

}  // namespace buzon::load
