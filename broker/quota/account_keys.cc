// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/account_keys.h"

#include <fmt/format.h>

namespace buzon::broker {
namespace {

struct Describe {
    std::string operator()(const ProcessKey& key) const {
        return fmt::format("process {}", key.pid);
    }
    std::string operator()(const ProcessInode& key) const {
        return fmt::format("process with pidfd inode {}", key.inode);
    }
    std::string operator()(const CgroupId& key) const { return fmt::format("cgroup {}", key.id); }
    std::string operator()(const ContainerInstance& key) const {
        return fmt::format("container {}", key.number);
    }
    std::string operator()(const LoneConnection& key) const {
        return fmt::format("connection {}", key.number);
    }
};

}  // namespace

std::string describe(UserId user) {
    if (user == kAnonymousUser) return "anonymous user";
    return fmt::format("uid {}", static_cast<std::uint32_t>(user));
}

std::string describe(const PrincipalKey& principal) {
    return std::visit(Describe{}, principal);
}

}  // namespace buzon::broker
