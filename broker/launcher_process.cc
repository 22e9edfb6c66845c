// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher_process.h"

#include <poll.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <csignal>

namespace buzon::broker {

namespace {

// What removing a few files may take on a machine that is busy; beyond that it hangs.
constexpr std::chrono::seconds kPatience{2};

}  // namespace

/// Until it has closed its end, which is the last thing it does.
bool LauncherProcess::wait_for_end() {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + kPatience;
    while (stream_.read()) {
        // What it had to say does not matter any more.
        auto message = stream_.take();
        while (message && *message)
            message = stream_.take();
        if (!message) return false;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0) return false;
        pollfd descriptor{stream_.fd(), POLLIN, 0};
        (void)::poll(&descriptor, 1, static_cast<int>(left.count()));
    }
    return true;
}

void LauncherProcess::end() {
    if (stream_.is_open()) {
        stream_.finish();
        (void)wait_for_end();
        kill();  // it has done what it had to, or never will
    }
    if (pid_ == 0) return;
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
}

pid_t LauncherProcess::kill() {
    // First: one that saw the end of its link would take the bus for gone, and its files away.
    if (pid_ != 0) ::kill(pid_, SIGKILL);
    stream_.close();
    return pid_;
}

}  // namespace buzon::broker
