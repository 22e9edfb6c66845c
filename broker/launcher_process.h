// SPDX-License-Identifier: Apache-2.0
// A launcher as its parent sees it: a process to end and a link to talk over.
// Ending it gently makes it take away what it has made; that is waited for, within bounds.
#pragma once

#include <sys/types.h>

#include <utility>

#include "broker/message_stream.h"

namespace buzon::broker {

class LauncherProcess {
public:
    /// `pid`: 0 where there is no process of ours behind the link.
    LauncherProcess(bus::FileDescriptor link, pid_t pid) : stream_(std::move(link)), pid_(pid) {}
    LauncherProcess(const LauncherProcess&) = delete;
    LauncherProcess& operator=(const LauncherProcess&) = delete;
    LauncherProcess(LauncherProcess&&) = delete;
    LauncherProcess& operator=(LauncherProcess&&) = delete;
    ~LauncherProcess() { end(); }

    [[nodiscard]] MessageStream& stream() { return stream_; }
    [[nodiscard]] pid_t pid() const { return pid_; }

    /// Waits until it has removed its files and ended; kills it if that takes seconds.
    void end();
    /// Kills it at once and closes the link; its pid is the caller's to reap.
    pid_t kill();
    /// Somebody has reaped it: the number may be another process by now.
    void forget_pid() { pid_ = 0; }

private:
    [[nodiscard]] bool wait_for_end();

    MessageStream stream_;
    pid_t pid_ = 0;
};

}  // namespace buzon::broker
