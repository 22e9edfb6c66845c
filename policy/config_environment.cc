// SPDX-License-Identifier: Apache-2.0
#include "policy/config_environment.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

namespace buzon::policy {

namespace {

std::optional<std::string> variable(const char* name) {
    const char* value = std::getenv(name);
    return value ? std::optional<std::string>(value) : std::nullopt;
}

bool exists(const char* path) {
    std::error_code ignored;
    return std::filesystem::exists(path, ignored);
}

bool apparmor_mediates() {
    std::ifstream enabled("/sys/module/apparmor/parameters/enabled");
    return enabled.get() == 'Y' && exists("/sys/kernel/security/apparmor/features/dbus");
}

/// The folder of the policy that /etc/selinux/config chooses.
std::string selinux_policy_root() {
    constexpr std::string_view kKey = "SELINUXTYPE=";
    std::string type = "targeted";
    std::ifstream file("/etc/selinux/config");
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with(kKey)) continue;
        type = line.substr(kKey.size());
        type.erase(type.find_last_not_of(" \t\r") + 1);
    }
    return fmt::format("/etc/selinux/{}", type);
}

}  // namespace

ConfigEnvironment process_environment() {
    ConfigEnvironment environment;
    environment.home = variable("HOME").value_or("");
    environment.xdg_runtime_dir = variable("XDG_RUNTIME_DIR").value_or("");
    environment.xdg_data_home = variable("XDG_DATA_HOME");
    environment.xdg_data_dirs = variable("XDG_DATA_DIRS");
    environment.selinux_enabled = exists("/sys/fs/selinux/enforce");
    environment.selinux_policy_root = selinux_policy_root();
    environment.apparmor_mediates = apparmor_mediates();
    return environment;
}

}  // namespace buzon::policy
