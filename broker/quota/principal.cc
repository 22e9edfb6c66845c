// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/principal.h"

#include "bus/process_identity.h"

namespace buzon::broker {

namespace {

// The root of the hierarchy, where programs are that nobody has sorted.
constexpr std::uint64_t kRootCgroup = 1;

}  // namespace

UserId user_of(const bus::PeerCredentials& credentials) {
    return credentials.uid ? UserId{*credentials.uid} : kAnonymousUser;
}

Principals::Principals() : own_cgroup_(bus::own_process_identity().cgroup) {}

PrincipalKey Principals::principal_of(const bus::PeerCredentials& credentials,
                                      const bus::FileDescriptor& process) {
    if (process) {
        const auto identity = bus::read_process_identity(process.get());
        if (identity.cgroup && identity.cgroup != own_cgroup_ && *identity.cgroup > kRootCgroup)
            return CgroupId{*identity.cgroup};
        if (identity.inode) return ProcessInode{*identity.inode};
    }
    // Before Linux 6.9. A pid that is used again finds what its last owner has left behind.
    if (credentials.pid) return ProcessKey{*credentials.pid, 0};
    return LoneConnection{unknown_++};
}

}  // namespace buzon::broker
