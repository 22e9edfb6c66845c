// SPDX-License-Identifier: Apache-2.0
#include "tests/load/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <system_error>
#include <utility>

namespace buzon::load {
namespace {

constexpr int kCannotStart = 127;
// Enough for valgrind to write its file.
constexpr std::chrono::seconds kTimeToEnd{10};

pid_t fork_or_throw() {
    const pid_t pid = ::fork();
    if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid == 0) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

[[noreturn]] void become(const std::vector<std::string>& command,
                         std::span<const int> inherited,
                         const std::string& log) {
    const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (output >= 0) {
        ::dup2(output, STDOUT_FILENO);
        ::dup2(output, STDERR_FILENO);
    }
    for (const int descriptor : inherited)
        ::fcntl(descriptor, F_SETFD, 0);
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (const auto& argument : command)
        arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    ::execvp(arguments[0], arguments.data());
    std::perror(arguments[0]);
    ::_exit(kCannotStart);
}

}  // namespace

ChildProcess ChildProcess::start(const std::vector<std::string>& command,
                                 std::span<const int> inherited,
                                 const std::string& log) {
    const pid_t pid = fork_or_throw();
    if (pid == 0) become(command, inherited, log);
    return ChildProcess(pid);
}

ChildProcess ChildProcess::fork(const std::function<void()>& play) {
    const pid_t pid = fork_or_throw();
    if (pid != 0) return ChildProcess(pid);
    try {
        play();
    } catch (const std::exception& failure) {
        fmt::print(stderr, "a helper process failed: {}\n", failure.what());
    }
    ::_exit(0);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}

ChildProcess::~ChildProcess() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

clockid_t ChildProcess::cpu_clock() const {
    clockid_t clock{};
    if (const int error = ::clock_getcpuclockid(pid_, &clock); error != 0) {
        throw std::system_error(error, std::generic_category(), "clock_getcpuclockid");
    }
    return clock;
}

void ChildProcess::stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    const auto deadline = std::chrono::steady_clock::now() + kTimeToEnd;
    while (::waitpid(pid_, nullptr, WNOHANG) == 0) {
        if (std::chrono::steady_clock::now() > deadline) return;
        ::usleep(1000);
    }
    pid_ = -1;
}

}  // namespace buzon::load
