// SPDX-License-Identifier: Apache-2.0
#include "broker/privileges.h"

#include <fmt/format.h>
#include <grp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace buzon::broker {

namespace {

constexpr rlim_t kDescriptorsForRoot = 65536;

[[noreturn]] void fail(const std::string& text) {
    throw std::system_error(errno, std::generic_category(), text);
}

}  // namespace

void become(const Identity& identity, bus::Log& log) {
    const uid_t now = ::geteuid();
    if (now == identity.uid) return;
    if (now != 0) {
        log.warning("Not root, so <user> (uid {}) is ignored and the bus runs as uid {}",
                    identity.uid, now);
        return;
    }
    // Groups and gid first: after setresuid() there is no right left to change them. A change of
    // all three uids from 0 takes every capability with it.
    if (::setgroups(identity.groups.size(), identity.groups.data()) < 0) {
        fail("Failed to set supplementary groups");
    }
    if (::setresgid(identity.gid, identity.gid, identity.gid) < 0) {
        fail(fmt::format("Failed to set GID to {}", identity.gid));
    }
    if (::setresuid(identity.uid, identity.uid, identity.uid) < 0) {
        fail(fmt::format("Failed to set UID to {}", identity.uid));
    }
    if (::setuid(0) == 0) throw std::runtime_error("The rights of root could not be given up");
}

rlimit wanted_descriptor_limit(const rlimit& current, bool is_root) {
    rlimit wanted = current;
    if (is_root) wanted.rlim_max = std::max(current.rlim_max, kDescriptorsForRoot);
    wanted.rlim_cur = is_root ? std::max(current.rlim_cur, kDescriptorsForRoot) : wanted.rlim_max;
    return wanted;
}

rlimit raise_descriptor_limit(bus::Log& log) {
    rlimit before{};
    if (::getrlimit(RLIMIT_NOFILE, &before) < 0) fail("Failed to read the fd limit");
    const rlimit wanted = wanted_descriptor_limit(before, ::geteuid() == 0);
    if (::setrlimit(RLIMIT_NOFILE, &wanted) == 0) return before;

    log.warning("Failed to set fd limit to {}: {}", wanted.rlim_cur, std::strerror(errno));
    const rlimit possible{before.rlim_max, before.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &possible) < 0) {
        log.warning("Failed to set fd limit to {}: {}", possible.rlim_cur, std::strerror(errno));
    }
    return before;
}

std::uint64_t descriptor_limit() {
    rlimit now{};
    if (::getrlimit(RLIMIT_NOFILE, &now) < 0) fail("Failed to read the fd limit");
    return now.rlim_cur;
}

}  // namespace buzon::broker
