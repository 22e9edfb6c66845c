// SPDX-License-Identifier: Apache-2.0
#include "bus/peer_credentials.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "bus/socket.h"

namespace buzon::bus {
namespace {

class PeerCredentialsTest : public testing::Test {
protected:
    PeerCredentialsTest() : server_(bind()) {}
    /// Waits for `child` and expects that it did all it had to.
    static void reap(pid_t child) {
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
    }
    static BoundSocket bind() {
        const std::string name = "buzon-peer-credentials-test-" + std::to_string(::getpid());
        auto sockets = bind_address({UnixAbstract{name}, std::nullopt}, {});
        if (!sockets) return {};
        return std::move(sockets->front());
    }
    [[nodiscard]] FileDescriptor accept_client() const {
        return FileDescriptor(::accept4(server_.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
    }

    BoundSocket server_;
};

TEST_F(PeerCredentialsTest, TellWhoConnected) {
    ASSERT_TRUE(start_listening(server_));
    const pid_t child = ::fork();
    if (child == 0) {
        if (::getuid() == 0) {
            // Numbers out of order, and the primary one not among them.
            const gid_t groups[] = {30, 10, 20, 10};
            if (::setgroups(std::size(groups), groups) != 0) std::_Exit(1);
            if (::setresgid(15, 15, 15) != 0 || ::setresuid(12345, 12345, 12345) != 0) {
                std::_Exit(2);
            }
        }
        std::_Exit(connect_to(server_.address) ? 0 : 3);
    }
    ASSERT_GT(child, 0);
    reap(child);
    const FileDescriptor client = accept_client();
    const PeerCredentials peer = read_peer_credentials(client.get());
    EXPECT_EQ(read_peer_user(client.get()), peer.uid);
    EXPECT_EQ(peer.pid, child);
    const bool changed = ::getuid() == 0;
    EXPECT_EQ(peer.uid, changed ? 12345 : ::getuid());
    EXPECT_EQ(peer.primary_gid, changed ? 15 : ::getgid());
    if (!changed) GTEST_SKIP() << "only root can change its groups";
    EXPECT_EQ(peer.groups, (std::vector<gid_t>{10, 15, 20, 30}));
}

TEST_F(PeerCredentialsTest, HoldTheGroupsSortedWithThePrimaryOne) {
    ASSERT_TRUE(start_listening(server_));
    const auto client = connect_to(server_.address);
    ASSERT_TRUE(client);
    const PeerCredentials peer = read_peer_credentials(accept_client().get());
    EXPECT_TRUE(std::ranges::is_sorted(peer.groups));
    EXPECT_TRUE(std::ranges::binary_search(peer.groups, ::getgid()));
}

TEST_F(PeerCredentialsTest, ManyGroupsAreReadWhole) {
    if (::getuid() != 0) GTEST_SKIP() << "only root can join groups";
    ASSERT_TRUE(start_listening(server_));
    std::vector<gid_t> groups(1000);
    for (std::size_t i = 0; i < groups.size(); ++i)
        groups[i] = static_cast<gid_t>(5000 - i);
    const pid_t child = ::fork();
    if (child == 0) {
        if (::setgroups(groups.size(), groups.data()) != 0) std::_Exit(1);
        std::_Exit(connect_to(server_.address) ? 0 : 2);
    }
    ASSERT_GT(child, 0);
    reap(child);
    const PeerCredentials peer = read_peer_credentials(accept_client().get());
    EXPECT_EQ(peer.groups.size(), groups.size() + 1);
}

TEST_F(PeerCredentialsTest, ClientsSeeWhoeverListenedLast) {
    const pid_t child = ::fork();
    if (child == 0) std::_Exit(start_listening(server_) ? 0 : 1);
    ASSERT_GT(child, 0);
    reap(child);
    const auto first = connect_to(server_.address);
    ASSERT_TRUE(first) << describe(first.error());
    EXPECT_EQ(read_peer_credentials(first->get()).pid, child);

    ASSERT_TRUE(start_listening(server_));
    const auto second = connect_to(server_.address);
    ASSERT_TRUE(second);
    EXPECT_EQ(read_peer_credentials(second->get()).pid, ::getpid());
}

TEST_F(PeerCredentialsTest, PidfdIsOfTheSameProcess) {
    ASSERT_TRUE(start_listening(server_));
    const auto client = connect_to(server_.address);
    ASSERT_TRUE(client);
    const FileDescriptor process = open_peer_process(client->get());
    if (!process) GTEST_SKIP() << "the kernel is older than 6.5";
    EXPECT_EQ(::fcntl(process.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    std::ifstream info("/proc/self/fdinfo/" + std::to_string(process.get()));
    std::string line;
    std::string pid;
    while (std::getline(info, line)) {
        if (line.starts_with("Pid:")) pid = line.substr(4);
    }
    ASSERT_NE(pid, "");
    EXPECT_EQ(std::stoi(pid), ::getpid());
}

TEST_F(PeerCredentialsTest, WhatIsNoUnixSocketHasNone) {
    const FileDescriptor tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const PeerCredentials peer = read_peer_credentials(tcp.get());
    EXPECT_EQ(peer.pid, std::nullopt);
    EXPECT_EQ(peer.uid, std::nullopt);
    EXPECT_EQ(peer.primary_gid, std::nullopt);
    EXPECT_TRUE(peer.groups.empty());
    EXPECT_TRUE(peer.security_label.empty());
    EXPECT_FALSE(open_peer_process(tcp.get()));
}

}  // namespace
}  // namespace buzon::bus
