// SPDX-License-Identifier: Apache-2.0
// From files to a Config: <include> and <includedir>, their order, bounds and cycles.
// Errors: ConfigError. A broken file of an <includedir> is left out whole, with a warning.
// Compat: an <includedir> is read in the order of file names; dbus-daemon's order is readdir's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bus/base/result.h"
#include "policy/config.h"

namespace buzon::policy {

/// What a configuration depends on besides its files. Empty strings: not set.
struct ConfigEnvironment {
    std::string home;
    std::string xdg_runtime_dir;
    std::string xdg_data_home;
    std::string xdg_data_dirs;
    bool selinux_enabled = false;
    /// Where `selinux_root_relative` paths begin.
    std::string selinux_policy_root;
    bool apparmor_enabled = false;
};

/// The environment of this process and the security modules of this machine.
[[nodiscard]] ConfigEnvironment process_environment();

/// Where configuration text comes from. Errors are errno values.
class FileSource {
public:
    [[nodiscard]] virtual bus::Result<std::string, int> read(const std::string& path) = 0;
    /// Names of the entries of a directory, in any order.
    [[nodiscard]] virtual bus::Result<std::vector<std::string>, int> list(
        const std::string& directory) = 0;

protected:
    ~FileSource() = default;
};

/// The file system. Refuses what is not a regular file (EINVAL) and what is over 16 MiB (EFBIG).
class DiskFiles final : public FileSource {
public:
    [[nodiscard]] bus::Result<std::string, int> read(const std::string& path) override;
    [[nodiscard]] bus::Result<std::vector<std::string>, int> list(
        const std::string& directory) override;
};

/// Reads `path` and all that it includes.
[[nodiscard]] Config load_config(const std::string& path,
                                 const ConfigEnvironment& environment,
                                 FileSource& files);

}  // namespace buzon::policy
