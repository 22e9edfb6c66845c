// SPDX-License-Identifier: Apache-2.0
#include "broker/start_settings.h"

#include <fmt/format.h>

namespace buzon::broker {

bus::LogTarget log_target(SyslogChoice choice, bool configured) {
    switch (choice) {
        case SyslogChoice::Never: return bus::LogTarget::Stderr;
        case SyslogChoice::Also: return bus::LogTarget::Both;
        case SyslogChoice::Only: return bus::LogTarget::Syslog;
        case SyslogChoice::AsConfigured: break;
    }
    return configured ? bus::LogTarget::Both : bus::LogTarget::Stderr;
}

std::string log_prefix(const std::optional<std::string>& type, uid_t uid, pid_t pid) {
    if (type == "session") return fmt::format("[session uid={} pid={}] ", uid, pid);
    return type == "system" ? "[system] " : "";
}

bool wants_to_fork(ForkChoice choice, bool configured) {
    switch (choice) {
        case ForkChoice::Always: return true;
        case ForkChoice::Never: return false;
        case ForkChoice::AsConfigured: break;
    }
    return configured;
}

std::optional<std::string> pidfile_path(PidfileChoice choice, const StartSettings& settings) {
    return choice == PidfileChoice::Never ? std::nullopt : settings.pidfile;
}

}  // namespace buzon::broker
