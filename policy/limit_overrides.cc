// SPDX-License-Identifier: Apache-2.0
#include "policy/limit_overrides.h"

#include <algorithm>
#include <optional>
#include <system_error>

#include <fmt/format.h>

#include "bus/base/log.h"

namespace buzon::policy {

namespace {

LimitOverrides::Settings::iterator find_setting(LimitOverrides::Settings& settings,
                                                std::string_view name) {
    return std::find_if(settings.begin(), settings.end(),
                        [&](const LimitSetting& each) { return each.name == name; });
}

void add_settings(LimitOverrides::Settings& to, const std::vector<LimitSetting>& from) {
    for (const LimitSetting& setting : from) {
        const auto known = find_setting(to, setting.name);
        if (known == to.end()) {
            to.push_back(setting);
        } else {
            known->value = setting.value;
        }
    }
}

/// The uid of him whom `special` is about, as far as it can be found out.
std::optional<std::uint32_t> look_up(const SpecialLimits& special,
                                     const Config& config,
                                     UserDatabase& users,
                                     std::vector<Warning>& warnings,
                                     WhenUnreachable unreachable) {
    const std::string& name = special.subject;
    const Location& location = special.location;
    const auto number = parse_id(name);
    const auto warn = [&](std::string_view text) {
        warnings.push_back({location, bus::on_one_line(text)});
    };
    try {
        if (const auto user = users.user(name)) return user->uid;
        warn(fmt::format("unknown user \"{}\": {}", name,
                         number ? "the number is taken as it stands" : "his limits are left out"));
    } catch (const std::system_error& error) {
        if (number) return number;
        const auto text =
            fmt::format("can't find out about user \"{}\": {}", name, error.code().message());
        if (unreachable == WhenUnreachable::Refuse)
            throw ConfigError(config.files.name(location.file), location.line, location.column,
                              text);
        warn(text + "; his limits are left out");
    }
    return number;
}

}  // namespace

LimitOverrides resolve_limits(const Config& config,
                              UserDatabase& users,
                              std::vector<Warning>& warnings,
                              WhenUnreachable unreachable) {
    LimitOverrides overrides;
    for (const SpecialLimits& special : config.user_limits) {
        if (const auto uid = look_up(special, config, users, warnings, unreachable))
            add_settings(overrides.users[*uid], special.settings);
    }
    for (const SpecialLimits& special : config.destination_limits)
        add_settings(overrides.destinations[special.subject], special.settings);
    return overrides;
}

Limits with_settings(Limits limits, std::span<const LimitSetting> settings) {
    for (const auto& [name, value] : settings)
        (void)set_limit(limits, name, value);  // it is known to be right
    return limits;
}

std::map<std::uint32_t, Limits> limits_of_users(const Limits& everybody,
                                                const LimitOverrides& overrides) {
    std::map<std::uint32_t, Limits> limits;
    for (const auto& [uid, settings] : overrides.users)
        limits.emplace(uid, with_settings(everybody, settings));
    return limits;
}

Limits limits_of_destination(const Limits& everybody,
                             const LimitOverrides& overrides,
                             std::span<const std::string_view> names) {
    LimitOverrides::Settings largest;
    for (const std::string_view name : names) {
        const auto special = overrides.destinations.find(name);
        if (special == overrides.destinations.end()) continue;
        for (const LimitSetting& setting : special->second) {
            const auto known = find_setting(largest, setting.name);
            if (known == largest.end()) {
                largest.push_back(setting);
            } else {
                known->value = std::max(known->value, setting.value);
            }
        }
    }
    return with_settings(everybody, largest);
}

}  // namespace buzon::policy
