// SPDX-License-Identifier: Apache-2.0
// Which process a pidfd stands for, and in which cgroup it runs, as far as the kernel tells without
// a look at /proc. Neither changes hands while the descriptor is open.
// Source: pidfd_open(2); Linux 6.9 (inodes of pidfs), 6.13 (PIDFD_GET_INFO).
#pragma once

#include <cstdint>
#include <optional>

namespace buzon::bus {

struct ProcessIdentity {
    /// Of the process; no other one since the start of the system has it. Linux 6.9.
    std::optional<std::uint64_t> inode;
    /// Of its cgroup now, as in the handles of cgroup2. Linux 6.13.
    std::optional<std::uint64_t> cgroup;
};

/// Empty for what is no pidfd.
[[nodiscard]] ProcessIdentity read_process_identity(int pidfd);

/// Of this process.
[[nodiscard]] ProcessIdentity own_process_identity();

}  // namespace buzon::bus
