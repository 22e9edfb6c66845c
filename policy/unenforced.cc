// SPDX-License-Identifier: Apache-2.0
#include "policy/unenforced.h"

#include <algorithm>

namespace buzon::policy {

namespace {

void judge_apparmor(Config& config, const ConfigEnvironment& environment) {
    if (!config.apparmor) {
        if (!environment.apparmor_mediates) return;
        config.warnings.push_back({{}, "AppArmor is on, but its rules on D-Bus are not enforced"});
        return;
    }
    const auto& [mode, location] = *config.apparmor;
    if (mode == AppArmorMode::Required && !environment.apparmor_mediates) {
        throw ConfigError(config.files.name(location.file), location.line, location.column,
                          "AppArmor mediation is required, but this kernel has none");
    }
    if (mode == AppArmorMode::Disabled || !environment.apparmor_mediates) return;
    config.unenforced.push_back({location, "AppArmor mediation of D-Bus"});
}

void judge_selinux(Config& config, const ConfigEnvironment& environment) {
    if (!environment.selinux_enabled) return;
    for (const auto& each : config.selinux_associations) {
        config.unenforced.push_back(
            {each.location, "the SELinux context of the name " + each.name});
    }
    config.warnings.push_back({{}, "SELinux is on, but its rules on D-Bus are not enforced"});
}

/// Nobody counts as being at the console. That takes rights away, and never gives any, unless a
/// block takes away from those who are there or gives to those who are not.
void judge_console(Config& config) {
    for (const auto& block : config.policies) {
        const bool at = block.context == PolicyContext::AtConsole;
        if (!at && block.context != PolicyContext::NotAtConsole) continue;
        const Effect widening = at ? Effect::Deny : Effect::Allow;
        for (const auto& rule : block.rules) {
            if (rule.effect != widening) continue;
            config.unenforced.push_back(
                {rule.location, "whether a user is at the console: " + to_text(rule)});
        }
    }
}

}  // namespace

void judge_what_is_not_enforced(Config& config, const ConfigEnvironment& environment) {
    judge_apparmor(config, environment);
    judge_selinux(config, environment);
    judge_console(config);
}

}  // namespace buzon::policy
