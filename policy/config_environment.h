// SPDX-License-Identifier: Apache-2.0
// What a configuration depends on besides its files, as a value: variables of the environment and
// the security modules of the machine.
#pragma once

#include <optional>
#include <string>

namespace buzon::policy {

/// Empty strings: not set.
struct ConfigEnvironment {
    std::string home;
    std::string xdg_runtime_dir;
    /// Set and empty is not the same as not set.
    std::optional<std::string> xdg_data_home;
    std::optional<std::string> xdg_data_dirs;
    bool selinux_enabled = false;
    /// Where `selinux_root_relative` paths begin.
    std::string selinux_policy_root;
    /// The kernel's AppArmor is on and mediates D-Bus.
    bool apparmor_mediates = false;
};

/// Those of this process and this machine.
[[nodiscard]] ConfigEnvironment process_environment();

}  // namespace buzon::policy
