// SPDX-License-Identifier: Apache-2.0
// To which principal a connection belongs: what runs in a cgroup of its own is one program, however
// many processes it has; in a cgroup shared with the bus itself, a process is one.
// Source: DESIGN, section 5.
#pragma once

#include <cstdint>
#include <optional>

#include "broker/quota/account_keys.h"
#include "bus/base/file_descriptor.h"
#include "bus/peer_credentials.h"

namespace buzon::broker {

[[nodiscard]] UserId user_of(const bus::PeerCredentials& credentials);

class Principals {
public:
    Principals();

    /// Of the process that has connected, as far as the kernel tells who it is. `process`: its
    /// pidfd, or nothing; it is not kept.
    [[nodiscard]] PrincipalKey principal_of(const bus::PeerCredentials& credentials,
                                            const bus::FileDescriptor& process);

private:
    std::optional<std::uint64_t> own_cgroup_;
    std::uint64_t unknown_ = 0;
};

}  // namespace buzon::broker
