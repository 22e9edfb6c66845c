// SPDX-License-Identifier: Apache-2.0
// What the accounts of the bus may hold, from the limits of the configuration.
// Limits of a connection are caps; what the bus as a whole may hold, and with it the shares of
// users and programs, follows from them where no limit says so. Figures and reasons:
// quota_limits.cc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>

#include "broker/quota/account_tree.h"
#include "broker/quota/port_shares.h"
#include "policy/limits.h"

namespace buzon::broker {

using UserLimits = std::map<uid_t, policy::Limits>;

/// `users`: those who have other limits than everybody. `max_descriptors`: how many this process
/// may have open (RLIMIT_NOFILE).
[[nodiscard]] QuotaLimits quota_limits(const policy::Limits& limits,
                                       const UserLimits& users,
                                       std::uint64_t max_descriptors);

/// What one receiver's queue may hold.
[[nodiscard]] PortLimits port_limits(const policy::Limits& limits);

/// The longest message that passes, in bytes.
[[nodiscard]] std::uint64_t longest_message(const policy::Limits& limits);

}  // namespace buzon::broker
