// SPDX-License-Identifier: Apache-2.0
#include "broker/start_settings.h"

#include <fmt/format.h>

namespace buzon::broker {

namespace {

[[noreturn]] void fail(const policy::Config& config,
                       const policy::Location& where,
                       const std::string& text) {
    throw policy::ConfigError(config.files.name(where.file), where.line, where.column, text);
}

}  // namespace

bus::LogTarget log_target(SyslogChoice choice, bool configured) {
    switch (choice) {
        case SyslogChoice::Never: return bus::LogTarget::Stderr;
        case SyslogChoice::Also: return bus::LogTarget::Both;
        case SyslogChoice::Only: return bus::LogTarget::Syslog;
        case SyslogChoice::AsConfigured: break;
    }
    return configured ? bus::LogTarget::Both : bus::LogTarget::Stderr;
}

std::string log_prefix(const policy::Config& config, uid_t uid, pid_t pid) {
    if (!config.type) return "";
    if (config.type->value == "session") return fmt::format("[session uid={} pid={}] ", uid, pid);
    return config.type->value == "system" ? "[system] " : "";
}

bool wants_to_fork(ForkChoice choice, bool configured) {
    return choice == ForkChoice::AsConfigured ? configured : choice == ForkChoice::Always;
}

std::optional<std::string> pidfile_path(PidfileChoice choice, const policy::Config& config) {
    if (choice == PidfileChoice::Never || !config.pidfile) return std::nullopt;
    return config.pidfile->value;
}

std::optional<Identity> configured_identity(const policy::Config& config,
                                            policy::UserDatabase& users) {
    if (!config.user) return std::nullopt;
    const auto user = users.user(config.user->value);
    if (!user) {
        fail(config, config.user->location,
             fmt::format("Could not get UID and GID for username \"{}\"", config.user->value));
    }
    return Identity{user->uid, user->primary_gid, users.groups_of(*user)};
}

void refuse_unenforced(const policy::Config& config) {
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
