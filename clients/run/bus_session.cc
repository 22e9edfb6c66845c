// SPDX-License-Identifier: Apache-2.0
#include "clients/run/bus_session.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "bus/base/file_descriptor.h"

namespace buzon::clients {

namespace {

constexpr int kOwnFailure = 127;
constexpr std::size_t kMaxAddressBytes = 65536;
constexpr timespec kPatienceWithTheBus{5, 0};

std::string last_error() {
    return std::strerror(errno);
}

void say(const std::string& text) {
    fmt::print(stderr, "buzon-run: {}\n", text);
}

[[noreturn]] void execute(const std::vector<std::string>& words) {
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (const std::string& word : words)
        arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    ::execvp(arguments[0], arguments.data());
    say(fmt::format("failed to execute '{}': {}", words[0], last_error()));
    ::_exit(kOwnFailure);
}

// In the child that becomes the bus.
[[noreturn]] void become_bus(const std::vector<std::string>& words, int address_fd, pid_t parent) {
    ::setsid();
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(kOwnFailure);  // it died before we asked to be told
    // What the bus prints must not end up in the output of the program.
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, 0);
    ::dup2(2, 1);
    if (null > 2) ::close(null);
    ::fcntl(address_fd, F_SETFD, 0);
    ::unsetenv("NOTIFY_SOCKET");  // the bus is not the service that a manager waits for
    execute(words);
}

std::string read_line(const bus::FileDescriptor& reader) {
    std::string line;
    while (line.size() < kMaxAddressBytes) {
        char letter = 0;
        const ssize_t count = ::read(reader.get(), &letter, 1);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw SessionError("reading the address of the bus: " + last_error());
        if (count == 0) throw SessionError("the bus ended without telling its address");
        if (letter == '\n') return line;
        line += letter;
    }
    throw SessionError("the bus tells an address without end");
}

void set_environment(const std::string& address) {
    ::setenv("DBUS_SESSION_BUS_ADDRESS", address.c_str(), 1);
    for (const char* name : {"DBUS_SESSION_BUS_PID", "DBUS_SESSION_BUS_WINDOWID",
                             "DBUS_STARTER_ADDRESS", "DBUS_STARTER_BUS_TYPE"}) {
        ::unsetenv(name);
    }
}

/// The signals that run_program() waits for instead of being interrupted by them.
class AwaitedSignals {
public:
    /// Blocked from now on to the end of the process: once there is a program, it decides when the
    /// session ends.
    AwaitedSignals() {
        ::sigemptyset(&set_);
        ::sigaddset(&set_, SIGCHLD);
        for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM}) {
            struct sigaction action {};
            ::sigaction(number, nullptr, &action);
            // Whoever started us with a signal ignored (nohup) wants that for the program too.
            if (action.sa_handler != SIG_IGN) ::sigaddset(&set_, number);
        }
        ::sigprocmask(SIG_BLOCK, &set_, &before_);
    }

    /// In the child, before the program is executed.
    void unblock() const { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
    [[nodiscard]] siginfo_t next() const {
        siginfo_t info{};
        while (::sigwaitinfo(&set_, &info) < 0) {
        }
        return info;
    }

private:
    sigset_t set_{};
    sigset_t before_{};
};

void pass_on(const siginfo_t& signal, pid_t program) {
    // From a terminal, the program has got it as well.
    if (signal.si_code == SI_KERNEL) return;
    ::kill(program, signal.si_signo);
}

int shell_status(int wait_status) {
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

}  // namespace

PrivateBus::PrivateBus(const std::string& command, const std::vector<std::string>& arguments) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) < 0) throw SessionError("a pipe: " + last_error());
    const bus::FileDescriptor reader(ends[0]);
    bus::FileDescriptor writer(ends[1]);

    std::vector<std::string> words{command, "--nofork", "--print-address",
                                   fmt::to_string(writer.get())};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) throw SessionError("starting the bus: " + last_error());
    if (pid_ == 0) become_bus(words, writer.get(), parent);
    writer.reset();
    try {
        address_ = read_line(reader);
    } catch (...) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        throw;
    }
}

PrivateBus::~PrivateBus() {
    if (pid_ < 0) return;
    sigset_t child_ended;
    ::sigemptyset(&child_ended);
    ::sigaddset(&child_ended, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child_ended, nullptr);
    ::kill(pid_, SIGTERM);
    while (::waitpid(pid_, nullptr, WNOHANG) == 0) {
        if (::sigtimedwait(&child_ended, nullptr, &kPatienceWithTheBus) == SIGCHLD) continue;
        if (errno == EINTR) continue;
        say("the bus does not end, killing it");
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        return;
    }
}

void PrivateBus::ended(int wait_status) {
    pid_ = -1;
    if (WIFSIGNALED(wait_status)) {
        say(fmt::format("the bus was ended by signal {}", WTERMSIG(wait_status)));
    } else {
        say(fmt::format("the bus exited with code {}", WEXITSTATUS(wait_status)));
    }
}

int run_program(const std::vector<std::string>& program, PrivateBus& bus) {
    const AwaitedSignals signals;
    const pid_t pid = ::fork();
    if (pid < 0) throw SessionError("starting the program: " + last_error());
    if (pid == 0) {
        signals.unblock();
        set_environment(bus.address());
        execute(program);
    }
    for (;;) {
        const siginfo_t signal = signals.next();
        if (signal.si_signo != SIGCHLD) {
            pass_on(signal, pid);
            continue;
        }
        int status = 0;
        for (pid_t child = 0; (child = ::waitpid(-1, &status, WNOHANG)) > 0;) {
            if (child == pid) return shell_status(status);
            if (child == bus.pid()) bus.ended(status);
        }
    }
}

std::string default_bus_daemon() {
    std::error_code ignored;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
    const auto beside = self.parent_path() / "buzond";
    return ::access(beside.c_str(), X_OK) == 0 ? beside.string() : "buzond";
}

}  // namespace buzon::clients
