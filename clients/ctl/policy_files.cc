// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/policy_files.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "clients/ctl/complaint.h"
#include "policy/buzon_files.h"
#include "policy/config_environment.h"
#include "policy/config_files.h"

namespace buzon::clients {

policy::Config read_config_file(const std::string& path) {
    policy::DiskFiles files;
    auto config =
        policy::load_config(path, policy::process_environment(), files, policy::ConfigRole::Part);
    // The bus would read them as well.
    if (!config.listen.empty())
        policy::load_buzon_files(config, {}, policy::WhenBroken::LeaveOut, files);
    return config;
}

policy::Config read_buzon_file(const std::string& path) {
    policy::DiskFiles files;
    policy::Config config;
    policy::load_buzon_files(config, {path}, policy::WhenBroken::Refuse, files);
    return config;
}

void tell_of_part(const std::string& path) {
    complain(
        fmt::format("{} has no <listen>: it is taken for a part of a configuration, "
                    "without the rest",
                    path));
}

LoadedPolicy load_policy(const std::string& path, policy::UserDatabase& users) {
    LoadedPolicy loaded{read_config_file(path), {}, nullptr};
    if (loaded.config.listen.empty()) tell_of_part(path);
    // Who is unknown is for `policy check` to say; a file left out changes the answer.
    for (const auto& [location, text] : loaded.config.warnings) {
        complain(fmt::format("{}: {}", loaded.config.files.describe(location), text));
    }
    std::vector<policy::Warning> unknown;
    loaded.resolved =
        policy::resolve(loaded.config, users, unknown, policy::WhenUnreachable::DropAllows);
    loaded.set = policy::PolicySet::create(loaded.resolved);
    return loaded;
}

std::string standard_config_file(BusScope scope) {
    return scope == BusScope::User ? "/usr/share/dbus-1/session.conf"
                                   : "/usr/share/dbus-1/system.conf";
}

}  // namespace buzon::clients
