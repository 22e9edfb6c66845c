// SPDX-License-Identifier: Apache-2.0
// The policy in configuration files, as the bus would load it. The file may be a part of a
// configuration, such as one in system.d.
#pragma once

#include <string>

#include "bus/base/ref.h"
#include "clients/ctl/bus_connection.h"
#include "policy/config.h"
#include "policy/policy_set.h"
#include "policy/resolved_policy.h"
#include "policy/user_database.h"

namespace buzon::clients {

struct LoadedPolicy {
    policy::Config config;
    policy::ResolvedPolicy resolved;
    bus::Ref<const policy::PolicySet> set;
};

/// With buzon's own files, if it is a whole configuration. Errors: policy::ConfigError.
[[nodiscard]] policy::Config read_config_file(const std::string& path);
/// One of buzon's own files. Errors: policy::ConfigError.
[[nodiscard]] policy::Config read_buzon_file(const std::string& path);
/// On standard error, of a configuration without <listen>.
void tell_of_part(const std::string& path);
/// Reads it, looks up users and groups, and tells what is missing or left out.
/// Errors: policy::ConfigError.
[[nodiscard]] LoadedPolicy load_policy(const std::string& path, policy::UserDatabase& users);

/// What the bus of `scope` is configured with, where it is configured as usual.
[[nodiscard]] std::string standard_config_file(BusScope scope);

}  // namespace buzon::clients
