// SPDX-License-Identifier: Apache-2.0
#include "broker/daemonize.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "tests/support/child_process.h"

namespace buzon::broker {
namespace {

using testing_support::output_of;
using testing_support::Pipe;
using testing_support::start_child;
using testing_support::wait_for;

std::string target_of(int fd) {
    return std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", fd)).string();
}

TEST(SettleInheritedDescriptors, FillsTheClosedStandardOnes) {
    EXPECT_EQ(output_of([] {
                  ::close(0);
                  ::close(1);
                  ::close(2);
                  settle_inherited_descriptors();
                  return target_of(0) + " " + target_of(1) + " " + target_of(2);
              }),
              "/dev/null /dev/null /dev/null");
}

TEST(SettleInheritedDescriptors, LeavesOutputAloneAndReadsNothing) {
    EXPECT_EQ(output_of([] {
                  const Pipe input;
                  const Pipe output;
                  ::dup2(input.reader.get(), 0);
                  ::dup2(output.writer.get(), 1);
                  const std::string before = target_of(1);
                  settle_inherited_descriptors();
                  return target_of(0) + (target_of(1) == before ? " same" : " changed");
              }),
              "/dev/null same");
}

TEST(SettleInheritedDescriptors, KeepsOthersFromTheProgramsThatWeStart) {
    EXPECT_EQ(output_of([] {
                  const int inherited = ::dup2(0, 50);
                  settle_inherited_descriptors();
                  return fmt::format("{} {}", ::fcntl(inherited, F_GETFD) & FD_CLOEXEC,
                                     ::fcntl(2, F_GETFD) & FD_CLOEXEC);
              }),
              fmt::format("{} 0", FD_CLOEXEC));
}

TEST(BackgroundStart, ParentEndsOnlyOnceTheChildIsReady) {
    const Pipe go;
    Pipe report;
    const pid_t starter = start_child([&] {
        BackgroundStart background = BackgroundStart::fork();
        char byte = 0;
        if (::read(go.reader.get(), &byte, 1) != 1) return 1;
        background.ready(Umask::Reset, StandardError::Detach);
        report.write(fmt::format("{}", ::getpid()));
        return 0;
    });
    EXPECT_EQ(::waitpid(starter, nullptr, WNOHANG), 0) << "ended before the child was ready";
    go.write("g");
    EXPECT_EQ(wait_for(starter), 0);
    EXPECT_NE(report.read_all(), fmt::format("{}", starter));
}

TEST(BackgroundStart, ParentTakesOverTheFailureOfTheChild) {
    const auto status_when_child = [](auto ends) {
        return wait_for(start_child([ends] {
            const BackgroundStart background = BackgroundStart::fork();
            ends();
            return 0;
        }));
    };
    EXPECT_EQ(status_when_child([] { ::_exit(7); }), 7);
    EXPECT_EQ(status_when_child([] { ::_exit(0); }), 1) << "ended well, but never served";
    EXPECT_EQ(status_when_child([] { ::raise(SIGKILL); }), 1);
}

TEST(BackgroundStart, ReadyCutsTheChildOff) {
    const auto state_after = [](Umask umask_choice, StandardError error_choice) {
        Pipe report;
        const Pipe error;
        const pid_t starter = start_child([&] {
            ::umask(077);
            ::dup2(error.writer.get(), 2);
            BackgroundStart background = BackgroundStart::fork();
            background.ready(umask_choice, error_choice);
            report.write(fmt::format(
                "{} {:o} {} {} {} {}", std::filesystem::current_path().string(), ::umask(0),
                target_of(0), target_of(1), target_of(2) == "/dev/null" ? "detached" : "kept",
                ::getsid(0) == ::getpid() ? "own session" : "session of the starter"));
            return 0;
        });
        EXPECT_EQ(wait_for(starter), 0);
        return report.read_all();
    };
    EXPECT_EQ(state_after(Umask::Reset, StandardError::Detach),
              "/ 22 /dev/null /dev/null detached own session");
    EXPECT_EQ(state_after(Umask::Keep, StandardError::Keep),
              "/ 77 /dev/null /dev/null kept own session");
}

TEST(Announce, PrintsAddressThenPidAndClosesBoth) {
    Pipe pipe;
    const int fd = pipe.writer.release();
    announce({.address_fd = fd, .pid_fd = fd}, "unix:path=/run/bus,guid=0", 42);
    EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
    EXPECT_EQ(pipe.read_all(), "unix:path=/run/bus,guid=0\n42\n");
}

TEST(Announce, PrintsOnlyWhatWasAskedFor) {
    Pipe pipe;
    announce({.address_fd = {}, .pid_fd = pipe.writer.release()}, "unix:path=/run/bus", 42);
    EXPECT_EQ(pipe.read_all(), "42\n");
}

TEST(Announce, LeavesTheStandardDescriptorsOpen) {
    Pipe pipe;
    const pid_t child = start_child([&] {
        ::dup2(pipe.writer.get(), 1);
        announce({.address_fd = 1, .pid_fd = 1}, "unix:path=/run/bus", 42);
        return ::fcntl(1, F_GETFD) >= 0 ? 0 : 1;
    });
    EXPECT_EQ(pipe.read_all(), "unix:path=/run/bus\n42\n");
    EXPECT_EQ(wait_for(child), 0);
}

TEST(CheckAnnouncement, RefusesWhatCannotBeWritten) {
    const Pipe pipe;
    EXPECT_NO_THROW(check_announcement({}));
    EXPECT_NO_THROW(check_announcement({.address_fd = pipe.writer.get(), .pid_fd = 1}));
    EXPECT_THROW(check_announcement({.address_fd = 9999, .pid_fd = {}}), std::system_error);
    try {
        check_announcement({.address_fd = 1, .pid_fd = pipe.reader.get()});
        ADD_FAILURE() << "took a descriptor that is open for reading";
    } catch (const std::system_error& error) {
        EXPECT_STREQ(error.what(), "Writing to pipe: Bad file descriptor");
    }
}

}  // namespace
}  // namespace buzon::broker
