// SPDX-License-Identifier: Apache-2.0
// Who is at the other end of a connected Unix socket, as the kernel noted when it connected.
// Nothing here comes from /proc or from what the peer says. What the kernel does not tell is
// absent. Source: unix(7), socket(7); D-Bus Specification, "GetConnectionCredentials".
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bus/base/file_descriptor.h"

namespace buzon::bus {

struct PeerCredentials {
    /// In the pid namespace of this process; never 0.
    std::optional<pid_t> pid;
    std::optional<uid_t> uid;
    std::optional<gid_t> primary_gid;
    /// All groups, the primary one among them, ascending; empty where the kernel tells none.
    std::vector<gid_t> groups;
    /// Of the security module, without a NUL at the end; empty where there is none.
    std::string security_label;
    /// When this was read: nanoseconds since the machine has started. A process that started later
    /// is another one.
    std::uint64_t read_at = 0;
};

/// `socket`: connected, AF_UNIX.
[[nodiscard]] PeerCredentials read_peer_credentials(int socket);

/// A pidfd of the process that has connected, which is not mistaken when its pid is used again.
/// Empty before Linux 6.5; and, on most kernels, when that process is gone.
[[nodiscard]] FileDescriptor open_peer_process(int socket);

/// Only who it is; takes no descriptor.
[[nodiscard]] std::optional<uid_t> read_peer_user(int socket);

}  // namespace buzon::bus
