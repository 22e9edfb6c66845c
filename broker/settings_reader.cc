// SPDX-License-Identifier: Apache-2.0
#include "broker/settings_reader.h"

#include <unistd.h>

#include <exception>
#include <filesystem>
#include <vector>

#include "broker/start_settings.h"
#include "broker/transient_services.h"
#include "policy/config_environment.h"
#include "policy/config_files.h"
#include "policy/policy_set.h"
#include "policy/user_database.h"

namespace buzon::broker {

SettingsReader::SettingsReader(const Options& options, bus::Log& log)
    : path_(std::filesystem::absolute(options.config_file)),
      accept_unenforced_(options.unsafe_partial_policy),
      log_(log) {}

policy::Config SettingsReader::read_config() const {
    policy::DiskFiles files;
    policy::Config config = policy::load_config(path_, policy::process_environment(), files);
    if (!accept_unenforced_) refuse_unenforced(config);
    return config;
}

Settings SettingsReader::compile(const policy::Config& config) const {
    log_warnings(config);
    policy::SystemUserDatabase users;
    std::vector<policy::Warning> warnings;
    auto policy = policy::PolicySet::create(config, users, warnings);
    for (const auto& [location, text] : warnings) {
        log_.warning("{}: {}", config.files.describe(location), text);
    }
    return {config.limits, std::move(policy)};
}

bus::Result<Settings, std::string> SettingsReader::reload() const {
    try {
        const policy::Config config = read_config();
        make_transient_directories(config, log_);
        return compile(config);
    } catch (const std::exception& error) {
        return bus::Unexpected{std::string(error.what())};
    }
}

void SettingsReader::log_warnings(const policy::Config& config) const {
    for (const auto& [location, text] : config.warnings) {
        log_.warning("{}: {}", config.files.describe(location), text);
    }
    for (const auto& [location, text] : config.unenforced) {
        log_.warning("{}: not enforced: {}", config.files.describe(location), text);
    }
}

void make_transient_directories(const policy::Config& config, bus::Log& log) {
    for (const policy::ServiceDirectory& directory : config.service_directories) {
        if (directory.kind != policy::ServiceDirectory::Kind::Transient) continue;
        const std::string problem = make_transient_services(directory.path, ::geteuid());
        if (problem.empty()) continue;
        log.warning("Unable to set up transient service directory: {}", problem);
    }
}

bus::AuthMechanisms auth_mechanisms(const policy::Config& config) {
    if (config.auth_mechanisms.empty()) return bus::AuthMechanisms::all();
    bus::AuthMechanisms mechanisms;
    for (const auto& name : config.auth_mechanisms) {
        if (const auto known = bus::find_auth_mechanism(name.value)) mechanisms.insert(*known);
    }
    return mechanisms;
}

}  // namespace buzon::broker
