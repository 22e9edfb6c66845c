// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher/configuration.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "broker/launcher/transient_services.h"
#include "policy/buzon_files.h"
#include "policy/config_environment.h"
#include "policy/config_files.h"

namespace buzon::broker {

namespace {

using policy::Config;
using policy::Location;

[[noreturn]] void fail(const Config& config, const Location& where, const std::string& text) {
    throw policy::ConfigError(config.files.name(where.file), where.line, where.column, text);
}

std::optional<std::string> value_of(const std::optional<policy::Located<std::string>>& located) {
    return located ? std::optional(located->value) : std::nullopt;
}

std::vector<ListenAddress> listen_addresses(const Config& config) {
    std::vector<ListenAddress> addresses;
    for (const auto& [text, where] : config.listen) {
        addresses.push_back({text, fmt::format("{}:{}:{}", config.files.name(where.file),
                                               where.line, where.column)});
    }
    return addresses;
}

std::vector<std::string> transient_directories(const Config& config) {
    std::vector<std::string> paths;
    for (const policy::ServiceDirectory& directory : config.service_directories) {
        if (directory.kind == policy::ServiceDirectory::Kind::Transient)
            paths.push_back(directory.path);
    }
    return paths;
}

// Nobody reads more, and a log has better things to keep.
constexpr std::size_t kMaxWarnings = 1000;

void add_warning(const Config& config,
                 const Location& location,
                 std::string_view text,
                 std::vector<std::string>& texts) {
    if (texts.size() < kMaxWarnings) {
        texts.push_back(fmt::format("{}: {}", config.files.describe(location), text));
    } else if (texts.size() == kMaxWarnings) {
        texts.emplace_back("There are more warnings than are shown");
    }
}

void add_warnings(const Config& config,
                  const std::vector<policy::Warning>& warnings,
                  std::vector<std::string>& texts) {
    for (const auto& [location, text] : warnings)
        add_warning(config, location, text, texts);
}

StartSettings start_settings(const Config& config) {
    StartSettings start;
    start.type = value_of(config.type);
    start.fork = config.fork;
    start.keep_umask = config.keep_umask;
    start.syslog = config.syslog;
    start.allow_anonymous = config.allow_anonymous;
    start.has_service_helper = config.service_helper.has_value();
    start.pidfile = value_of(config.pidfile);
    start.listen = listen_addresses(config);
    start.auth_mechanisms = auth_mechanisms(config);
    start.transient_directories = transient_directories(config);
    return start;
}

/// Who will run the bus: <user>, where we have the right to become him.
void look_up_owner(policy::UserDatabase& users, StartSettings& start) {
    const uid_t now = ::geteuid();
    const uid_t owner = now == 0 && start.identity ? start.identity->uid : now;
    try {
        const auto user = users.user(fmt::to_string(owner));
        if (!user) return;
        start.owner_name = user->name;
        start.owner_home = user->home;
    } catch (const std::system_error&) {
        // Without a name he is known by number, and has no keyring unless $HOME says where.
    }
}

}  // namespace

ConfigurationReader::ConfigurationReader(const Options& options)
    : path_(std::filesystem::absolute(options.config_file)),
      accept_unenforced_(options.unsafe_partial_policy) {
    for (const std::string& file : options.mailbox_configs)
        mailbox_configs_.push_back(std::filesystem::absolute(file));
}

Config ConfigurationReader::read(LoadPurpose purpose) const {
    policy::DiskFiles files;
    Config config = policy::load_config(path_, policy::process_environment(), files);
    if (!accept_unenforced_) refuse_unenforced(config);
    policy::load_buzon_files(
        config, mailbox_configs_,
        purpose == LoadPurpose::Start ? policy::WhenBroken::LeaveOut : policy::WhenBroken::Refuse,
        files);
    return config;
}

LoadedConfiguration ConfigurationReader::load(LoadPurpose purpose) const {
    const bool at_start = purpose == LoadPurpose::Start;
    const Config config = read(purpose);
    policy::SystemUserDatabase users;
    LoadedConfiguration loaded;
    auto& [limits, overrides, warnings, start] = loaded.settings;
    limits = config.limits;
    start = start_settings(config);
    if (at_start) {
        start.identity = configured_identity(config, users);
        look_up_owner(users, start);
    }

    add_warnings(config, config.warnings, warnings);
    for (const auto& [location, text] : config.unenforced)
        add_warning(config, location, "not enforced: " + text, warnings);
    // A bus that does not start is worse than one that some can't use yet, but not than one that
    // lets in whom it should not.
    std::vector<policy::Warning> about_names;
    const auto unreachable =
        at_start ? policy::WhenUnreachable::DropAllows : policy::WhenUnreachable::Refuse;
    loaded.policy = policy::resolve(config, users, about_names, unreachable);
    overrides = policy::resolve_limits(config, users, about_names, unreachable);
    add_warnings(config, about_names, warnings);
    return loaded;
}

std::vector<std::string> make_transient_directories(const std::vector<std::string>& directories) {
    std::vector<std::string> warnings;
    for (const std::string& directory : directories) {
        const std::string problem = make_transient_services(directory, ::geteuid());
        if (problem.empty()) continue;
        warnings.push_back(
            fmt::format("Unable to set up transient service directory: {}", problem));
    }
    return warnings;
}

bus::AuthMechanisms auth_mechanisms(const Config& config) {
    if (config.auth_mechanisms.empty()) return bus::AuthMechanisms::all();
    bus::AuthMechanisms mechanisms;
    for (const auto& name : config.auth_mechanisms) {
        if (const auto known = bus::find_auth_mechanism(name.value)) mechanisms.insert(*known);
    }
    return mechanisms;
}

std::optional<Identity> configured_identity(const Config& config, policy::UserDatabase& users) {
    if (!config.user) return std::nullopt;
    const auto& [name, where] = *config.user;
    try {
        if (const auto user = users.user(name))
            return Identity{user->uid, user->primary_gid, users.groups_of(*user)};
    } catch (const std::system_error& error) {
        fail(config, where,
             fmt::format("Could not look up username \"{}\": {}", name, error.code().message()));
    }
    fail(config, where, fmt::format("Could not get UID and GID for username \"{}\"", name));
}

void refuse_unenforced(const Config& config) {
    if (config.unenforced.empty()) return;
    const policy::Unenforced& first = config.unenforced.front();
    const std::string others = config.unenforced.size() == 1
                                   ? ""
                                   : fmt::format(" (and {} more)", config.unenforced.size() - 1);
    fail(config, first.location,
         fmt::format("not enforced yet: {}{}; --unsafe-partial-policy starts the bus all the same",
                     first.text, others));
}

}  // namespace buzon::broker
