// SPDX-License-Identifier: Apache-2.0
// The directories that <standard_session_servicedirs/> and <standard_system_servicedirs/> stand
// for, in order of search. Source: XDG Base Directory Specification; dbus-daemon(1).
#pragma once

#include <vector>

#include "policy/config.h"
#include "policy/config_environment.h"

namespace buzon::policy {

/// Empty and relative components of the variables are left out.
[[nodiscard]] std::vector<ServiceDirectory> standard_session_directories(
    const ConfigEnvironment& environment, const Location& location);

/// XDG variables don't count here.
[[nodiscard]] std::vector<ServiceDirectory> standard_system_directories(const Location& location);

}  // namespace buzon::policy
