// SPDX-License-Identifier: Apache-2.0
#include "bus/peer_credentials.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77  // Linux 6.5; glibc 2.36 does not know it
#endif

namespace buzon::bus {

namespace {

void read_process(int socket, PeerCredentials& credentials) {
    ucred process{};
    socklen_t length = sizeof process;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &process, &length) < 0) return;
    if (process.pid > 0) credentials.pid = process.pid;
    if (process.uid != static_cast<uid_t>(-1)) credentials.uid = process.uid;
    if (process.gid != static_cast<gid_t>(-1)) credentials.primary_gid = process.gid;
}

/// Supplementary groups; the kernel says with ERANGE how many there are.
std::optional<std::vector<gid_t>> read_groups(int socket) {
    std::vector<gid_t> groups(32);
    for (int attempt = 0; attempt < 2; ++attempt) {
        auto length = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
        const int done = ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length);
        if (done < 0 && errno != ERANGE) return std::nullopt;
        groups.resize(length / sizeof(gid_t));
        if (done == 0) return groups;
    }
    return std::nullopt;
}

std::string read_label(int socket) {
    std::string label(256, '\0');
    for (int attempt = 0; attempt < 2; ++attempt) {
        auto length = static_cast<socklen_t>(label.size());
        const int done = ::getsockopt(socket, SOL_SOCKET, SO_PEERSEC, label.data(), &length);
        if (done < 0 && errno != ERANGE) return {};
        label.resize(length);
        if (done < 0) continue;
        // Some modules count the NUL behind the label, others do not.
        while (!label.empty() && label.back() == '\0')
            label.pop_back();
        return label;
    }
    return {};
}

/// On the clock of /proc.
std::uint64_t time_since_boot() {
    timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace

std::optional<uid_t> read_peer_user(int socket) {
    PeerCredentials credentials;
    read_process(socket, credentials);
    return credentials.uid;
}

PeerCredentials read_peer_credentials(int socket) {
    PeerCredentials credentials;
    read_process(socket, credentials);
    if (auto groups = read_groups(socket)) {
        if (credentials.primary_gid) groups->push_back(*credentials.primary_gid);
        std::sort(groups->begin(), groups->end());
        groups->erase(std::unique(groups->begin(), groups->end()), groups->end());
        credentials.groups = std::move(*groups);
    }
    credentials.security_label = read_label(socket);
    credentials.read_at = time_since_boot();
    return credentials;
}

FileDescriptor open_peer_process(int socket) {
    int fd = -1;
    socklen_t length = sizeof fd;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &fd, &length) < 0) return {};
    return FileDescriptor(fd);
}

}  // namespace buzon::bus
