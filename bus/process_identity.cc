// SPDX-License-Identifier: Apache-2.0
#include "bus/process_identity.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "bus/base/file_descriptor.h"

namespace buzon::bus {

namespace {

// The headers of Debian 12 are those of Linux 6.1.
constexpr decltype(statfs::f_type) kPidfsMagic = 0x50494446;
constexpr std::uint64_t kInfoCgroup = 1U << 2U;

/// The first version of the kernel's struct pidfd_info; later ones are longer.
struct PidfdInfo {
    std::uint64_t mask;
    std::uint64_t cgroup;
    std::uint32_t ids[11];  // pid, parent, users, groups
    std::uint32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);

constexpr unsigned long kGetInfo = _IOWR(0xff, 11, PidfdInfo);

/// Before pidfs all pidfds had the same inode.
bool has_own_inode(int pidfd) {
    struct statfs file_system {};
    return ::fstatfs(pidfd, &file_system) == 0 && file_system.f_type == kPidfsMagic;
}

}  // namespace

ProcessIdentity read_process_identity(int pidfd) {
    ProcessIdentity identity;
    struct stat status {};
    if (!has_own_inode(pidfd) || ::fstat(pidfd, &status) < 0) return identity;
    identity.inode = status.st_ino;
    PidfdInfo info{};
    info.mask = kInfoCgroup;
    if (::ioctl(pidfd, kGetInfo, &info) == 0 && (info.mask & kInfoCgroup) != 0)
        identity.cgroup = info.cgroup;
    return identity;
}

ProcessIdentity own_process_identity() {
    const FileDescriptor self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
    return self ? read_process_identity(self.get()) : ProcessIdentity{};
}

}  // namespace buzon::bus
