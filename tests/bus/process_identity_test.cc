// SPDX-License-Identifier: Apache-2.0
#include "bus/process_identity.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include <gtest/gtest.h>

#include "bus/base/file_descriptor.h"

namespace buzon::bus {
namespace {

TEST(ProcessIdentity, IsTheSameForEachDescriptorOfAProcess) {
    const auto first = own_process_identity();
    if (!first.inode) GTEST_SKIP() << "needs Linux 6.9: pidfds have no inode of their own here";
    EXPECT_EQ(own_process_identity().inode, first.inode);
    EXPECT_EQ(own_process_identity().cgroup, first.cgroup);
}

TEST(ProcessIdentity, DiffersBetweenProcessesOfOneCgroup) {
    const auto own = own_process_identity();
    if (!own.inode) GTEST_SKIP() << "needs Linux 6.9: pidfds have no inode of their own here";
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ::pause();
        ::_exit(0);
    }
    const FileDescriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    const auto other = read_process_identity(pidfd.get());
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    EXPECT_TRUE(other.inode);
    EXPECT_NE(other.inode, own.inode);
    EXPECT_EQ(other.cgroup, own.cgroup);
}

TEST(ProcessIdentity, IsEmptyForOtherDescriptors) {
    EXPECT_FALSE(read_process_identity(STDIN_FILENO).inode);
    EXPECT_FALSE(read_process_identity(-1).inode);
    EXPECT_FALSE(read_process_identity(-1).cgroup);
}

}  // namespace
}  // namespace buzon::bus
