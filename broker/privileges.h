// SPDX-License-Identifier: Apache-2.0
// What the process may do: how many descriptors it has, and whom it runs as.
// Errors: std::system_error; a limit that cannot be raised is only a warning.
// Source: dbus-daemon(1), <user>; credentials(7), getrlimit(2).
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <vector>

#include "bus/base/log.h"

namespace buzon::broker {

/// Whom to become. `groups` replaces all supplementary groups.
struct Identity {
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;
};

/// Becomes `identity` for good, all three uids and gids, and keeps no capability. Nothing happens
/// if the process has that effective uid already, nor, with a warning, without the rights of root:
/// then it has no rights to lose (so does dbus-daemon).
void become(const Identity& identity, bus::Log& log);

/// Root gets at least 65536, everybody what the hard limit allows.
[[nodiscard]] rlimit wanted_descriptor_limit(const rlimit& current, bool is_root);

/// Raises RLIMIT_NOFILE for a bus with many clients. Returns what it was: that is what the services
/// that the bus starts should get.
rlimit raise_descriptor_limit(bus::Log& log);

/// How many this process may have open now.
[[nodiscard]] std::uint64_t descriptor_limit();

}  // namespace buzon::broker
