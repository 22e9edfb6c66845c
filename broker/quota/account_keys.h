// SPDX-License-Identifier: Apache-2.0
// Who has an account: a user, and the principal that its connections belong to.
// A key names the same one as long as the bus lives; pids that are used again differ in start time.
// Source: DESIGN, section 5.
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <string>
#include <variant>

namespace buzon::broker {

enum class UserId : std::uint32_t {};
/// Those without a uid share one account. No user has the uid -1.
inline constexpr UserId kAnonymousUser{0xffff'ffff};

/// Where the kernel has no pidfds: ticks since boot, as in /proc/PID/stat.
struct ProcessKey {
    pid_t pid;
    std::uint64_t start_time;
    friend auto operator<=>(const ProcessKey&, const ProcessKey&) = default;
};
/// Of a pidfd (Linux 6.9: no two processes have the same).
struct ProcessInode {
    std::uint64_t inode;
    friend auto operator<=>(const ProcessInode&, const ProcessInode&) = default;
};
struct CgroupId {
    std::uint64_t id;
    friend auto operator<=>(const CgroupId&, const CgroupId&) = default;
};
/// Of a server that Containers1.AddServer has made.
struct ContainerInstance {
    std::uint64_t number;
    friend auto operator<=>(const ContainerInstance&, const ContainerInstance&) = default;
};
/// Of which nothing else is known: a connection by itself, in the order of accepting.
struct LoneConnection {
    std::uint64_t number;
    friend auto operator<=>(const LoneConnection&, const LoneConnection&) = default;
};

using PrincipalKey =
    std::variant<ProcessKey, ProcessInode, CgroupId, ContainerInstance, LoneConnection>;

/// `uid 1000`, `process 4711`, `cgroup 99`: for the log.
[[nodiscard]] std::string describe(UserId user);
[[nodiscard]] std::string describe(const PrincipalKey& principal);

}  // namespace buzon::broker
