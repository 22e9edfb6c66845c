// SPDX-License-Identifier: Apache-2.0
// What a configuration says about how the bus starts, as plain values: paths are read, users are
// looked up. And what that and the command line say together. Pure.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "broker/options.h"
#include "broker/privileges.h"
#include "bus/auth_protocol.h"
#include "bus/base/log_output.h"
#include "policy/limit_overrides.h"
#include "policy/limits.h"
#include "policy/resolved_policy.h"

namespace buzon::broker {

struct ListenAddress {
    /// As written.
    std::string text;
    /// FILE:LINE:COLUMN, for errors.
    std::string place;
};

/// What is fixed for the life of the bus.
struct StartSettings {
    /// `session`, `system` or anything else.
    std::optional<std::string> type;
    bool fork = false;
    bool keep_umask = false;
    bool syslog = false;
    bool allow_anonymous = false;
    bool has_service_helper = false;
    std::optional<std::string> pidfile;
    /// <user>
    std::optional<Identity> identity;
    std::vector<ListenAddress> listen;
    bus::AuthMechanisms auth_mechanisms = bus::AuthMechanisms::all();
    /// Directories that last as long as the session, to be made by whoever runs the bus.
    std::vector<std::string> transient_directories;
    /// Login name and home of whom the bus will run as; empty where he has none.
    std::string owner_name;
    std::string owner_home;
};

/// What one load gives besides the policy.
struct LoadedSettings {
    policy::Limits limits;
    policy::LimitOverrides overrides;
    /// For the log, each with its place.
    std::vector<std::string> warnings;
    /// Without identity and owner on a reload, where they change nothing.
    StartSettings start;
};

struct LoadedConfiguration {
    policy::ResolvedPolicy policy;
    LoadedSettings settings;
};

/// `configured`: whether the configuration says <syslog/>.
[[nodiscard]] bus::LogTarget log_target(SyslogChoice choice, bool configured);

/// "[session uid=1000 pid=7] ", "[system] ", or nothing for a bus of no standard type.
[[nodiscard]] std::string log_prefix(const std::optional<std::string>& type, uid_t uid, pid_t pid);

[[nodiscard]] bool wants_to_fork(ForkChoice choice, bool configured);

/// The path of the pidfile to write, if any.
[[nodiscard]] std::optional<std::string> pidfile_path(PidfileChoice choice,
                                                      const StartSettings& settings);

}  // namespace buzon::broker
