// SPDX-License-Identifier: Apache-2.0
// What command line and configuration say together about how the bus starts. Pure, except that
// users are looked up.
// Errors: ConfigError with the place in the configuration.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "broker/options.h"
#include "broker/privileges.h"
#include "bus/base/log_output.h"
#include "policy/config.h"
#include "policy/user_database.h"

namespace buzon::broker {

/// `configured`: whether the configuration says <syslog/>.
[[nodiscard]] bus::LogTarget log_target(SyslogChoice choice, bool configured);

/// "[session uid=1000 pid=7] ", "[system] ", or nothing for a bus of no standard type.
[[nodiscard]] std::string log_prefix(const policy::Config& config, uid_t uid, pid_t pid);

[[nodiscard]] bool wants_to_fork(ForkChoice choice, bool configured);

/// The path of the pidfile to write, if any.
[[nodiscard]] std::optional<std::string> pidfile_path(PidfileChoice choice,
                                                      const policy::Config& config);

/// Whom to become; nothing without <user>. Throws if there is no such user.
[[nodiscard]] std::optional<Identity> configured_identity(const policy::Config& config,
                                                          policy::UserDatabase& users);

/// Throws, naming the first place of them, if `config` has rules that this version does not
/// enforce.
void refuse_unenforced(const policy::Config& config);

}  // namespace buzon::broker
