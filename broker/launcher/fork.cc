// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher/fork.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <string>
#include <system_error>
#include <vector>

#include "broker/launcher/launcher.h"
#include "broker/privileges.h"
#include "bus/base/log.h"

namespace buzon::broker {

namespace {

constexpr const char* kProcessName = "buzond-launch";  // the kernel keeps 15 bytes
constexpr int kFirstOwnDescriptor = 3;
constexpr int kBrokerHasGone = SIGUSR1;
// For a name service that does not answer; whoever is not in such a call ends by itself.
constexpr unsigned kSecondsToEnd = 10;

[[noreturn]] void fail(const char* text) {
    throw std::system_error(errno, std::generic_category(), text);
}

struct Link {
    bus::FileDescriptor ours;
    bus::FileDescriptor of_child;
};

Link make_link() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) < 0)
        fail("Failed to create a link to the launcher");
    return {bus::FileDescriptor(ends[0]), bus::FileDescriptor(ends[1])};
}

void redirect_to_null(std::initializer_list<int> numbers) {
    const bus::FileDescriptor null(::open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC));
    for (const int number : numbers)
        ::dup2(null.get(), number);
}

void close_one_by_one(int first, int last) {
    std::vector<int> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
        found.push_back(std::atoi(entry.path().filename().c_str()));
    for (const int fd : found) {
        if (fd >= first && fd <= last) ::close(fd);
    }
}

void close_between(int first, int last) {
    if (first > last) return;
    const auto until = static_cast<unsigned>(last);
    if (::close_range(static_cast<unsigned>(first), until, 0) == 0) return;
    close_one_by_one(first, last);
}

/// All from `first` on but `link`.
void close_others(int first, int link) {
    close_between(first, link - 1);
    close_between(link + 1, std::numeric_limits<int>::max());
}

/// The signals that end or reload the bus may be sent to its whole process group or control group,
/// and are the broker's: a handler that does nothing, because what is ignored would stay so in
/// programs that the launcher starts. For a broker that dies the link tells, and a signal, should
/// the launcher be where it does not look at its link.
void set_up_signals() {
    struct sigaction nothing {};
    nothing.sa_handler = [](int) {};
    nothing.sa_flags = SA_RESTART;
    for (const int number : {SIGTERM, SIGINT, SIGHUP})
        ::sigaction(number, &nothing, nullptr);
    struct sigaction end {};
    end.sa_handler = [](int) { ::alarm(kSecondsToEnd); };
    end.sa_flags = SA_RESTART;
    ::sigaction(kBrokerHasGone, &end, nullptr);
    ::signal(SIGALRM, SIG_DFL);
    ::signal(SIGPIPE, SIG_IGN);

    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// How many sockets from 3 on the service manager has passed to the broker, for the launcher to
/// take over: they are named by pid.
int inherit_passed_sockets(pid_t broker) {
    const char* const pid = std::getenv("LISTEN_PID");
    if (!pid || pid != fmt::to_string(broker)) return 0;
    ::setenv("LISTEN_PID", fmt::to_string(::getpid()).c_str(), 1);
    return std::max(0, ::sd_listen_fds(0));
}

/// In the child: the whole life of a launcher.
[[noreturn]] void live(const Options& options,
                       bus::FileDescriptor link,
                       LauncherStage stage,
                       pid_t broker) {
    ::prctl(PR_SET_NAME, kProcessName);
    set_up_signals();
    ::prctl(PR_SET_PDEATHSIG, kBrokerHasGone);
    if (::getppid() != broker) ::_exit(EXIT_SUCCESS);
    int status = EXIT_FAILURE;
    try {
        redirect_to_null({0, 1});
        const bool starting = stage == LauncherStage::Starting;
        const int passed = starting ? inherit_passed_sockets(broker) : 0;
        close_others(kFirstOwnDescriptor + passed, link.get());
        Launcher(options, std::move(link), stage).run();
        status = EXIT_SUCCESS;
    } catch (...) {
        // The broker sees the end of the link, and says so in its log.
    }
    // Nothing of the process that this one was forked from is to be taken down here.
    ::_exit(status);
}

}  // namespace

std::unique_ptr<LauncherProcess> fork_launcher(const Options& options) {
    auto [ours, of_child] = make_link();
    const pid_t broker = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) fail("Failed to fork the launcher");
    if (child == 0) live(options, std::move(of_child), LauncherStage::Starting, broker);
    return std::make_unique<LauncherProcess>(std::move(ours), child);
}

ForkedLauncher fork_sibling(const Options& options) {
    auto [ours, of_child] = make_link();
    const pid_t broker = ::getppid();
    // A fork but for the parent. fork() has no way to say so.
    const auto child = static_cast<pid_t>(
        ::syscall(SYS_clone, CLONE_PARENT | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    if (child < 0) fail("Failed to fork a spare launcher");
    if (child == 0) live(options, std::move(of_child), LauncherStage::Settled, broker);
    return {std::move(ours), child};
}

void settle_launcher(const SettleOrder& order, int link) {
    close_others(kFirstOwnDescriptor, link);
    if (order.identity) {
        bus::Log nobody([](bus::LogLevel, std::string_view) {});  // the broker warns for both
        become(*order.identity, nobody);
        // The kernel forgets it with a change of user.
        ::prctl(PR_SET_PDEATHSIG, kBrokerHasGone);
    }
    if (order.in_background && ::chdir("/") < 0) fail("Failed to change to the root directory");
    if (order.reset_umask) ::umask(022);
    if (!order.keep_standard_error) redirect_to_null({2});
}

}  // namespace buzon::broker
