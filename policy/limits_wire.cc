// SPDX-License-Identifier: Apache-2.0
#include "policy/limits_wire.h"

#include <algorithm>
#include <limits>
#include <string>

#include "bus/names.h"
#include "policy/config_files.h"

namespace buzon::policy {

namespace {

using bus::Unexpected;
using bus::WireReader;
using bus::WireWriter;
using Done = bus::Result<void, PolicyWireError>;
using Settings = LimitOverrides::Settings;

void write_settings(const Settings& settings, WireWriter& body) {
    const auto array = body.begin_array('{');
    for (const auto& [name, value] : settings) {
        body.align_struct();
        body.write_string(name);
        body.write_uint64(value);
    }
    body.end_array(array);
}

bus::Result<LimitSetting, PolicyWireError> to_setting(LimitSubject subject,
                                                      std::string_view name,
                                                      std::uint64_t value) {
    const auto setting = make_limit(name, value);
    if (setting && may_be_said_for(subject, name)) return *setting;
    const bool is_unknown = setting || setting.error() == LimitError::UnknownName;
    return Unexpected{is_unknown ? PolicyWireError::UnknownLimit : PolicyWireError::OutOfRange};
}

bus::Result<Settings, PolicyWireError> read_settings(LimitSubject subject, WireReader& body) {
    Settings settings;
    const auto end = body.enter_array('{');
    if (!end) return Unexpected{PolicyWireError::Malformed};
    while (body.position() < *end) {
        body.align(8);
        const auto name = body.read_string();
        const auto value = body.read_uint64();
        if (!name || !value) return Unexpected{PolicyWireError::Malformed};
        const auto setting = to_setting(subject, *name, *value);
        if (!setting) return Unexpected{setting.error()};
        const bool repeated =
            std::any_of(settings.begin(), settings.end(),
                        [&](const LimitSetting& each) { return each.name == setting->name; });
        if (repeated) return Unexpected{PolicyWireError::Repeated};
        settings.push_back(*setting);
    }
    return settings;
}

/// Reads an array of (key, settings) into `all`; `read_key` checks the key.
template <typename Map, typename ReadKey>
Done read_subjects(LimitSubject subject, WireReader& body, Map& all, const ReadKey& read_key) {
    const auto end = body.enter_array('(');
    if (!end) return Unexpected{PolicyWireError::Malformed};
    while (body.position() < *end) {
        body.align(8);
        const auto key = read_key();
        if (!key) return Unexpected{key.error()};
        auto settings = read_settings(subject, body);
        if (!settings) return Unexpected{settings.error()};
        if (all.size() >= kMaxConfigElements) return Unexpected{PolicyWireError::TooMany};
        if (!all.emplace(*key, std::move(*settings)).second)
            return Unexpected{PolicyWireError::Repeated};
    }
    return {};
}

}  // namespace

void write_overrides(const LimitOverrides& overrides, WireWriter& body) {
    const auto users = body.begin_array('(');
    for (const auto& [uid, settings] : overrides.users) {
        body.align_struct();
        body.write_uint32(uid);
        write_settings(settings, body);
    }
    body.end_array(users);
    const auto destinations = body.begin_array('(');
    for (const auto& [name, settings] : overrides.destinations) {
        body.align_struct();
        body.write_string(name);
        write_settings(settings, body);
    }
    body.end_array(destinations);
}

bus::Result<LimitOverrides, PolicyWireError> read_overrides(WireReader& body) {
    LimitOverrides overrides;
    const auto read_user = [&]() -> bus::Result<std::uint32_t, PolicyWireError> {
        const auto uid = body.read_uint32();
        if (!uid) return Unexpected{PolicyWireError::Malformed};
        if (*uid == std::numeric_limits<std::uint32_t>::max())
            return Unexpected{PolicyWireError::OutOfRange};
        return *uid;
    };
    const auto read_name = [&]() -> bus::Result<std::string, PolicyWireError> {
        const auto name = body.read_string();
        if (!name) return Unexpected{PolicyWireError::Malformed};
        if (!bus::is_well_known_name(*name)) return Unexpected{PolicyWireError::OutOfRange};
        return std::string(*name);
    };
    const auto users = read_subjects(LimitSubject::User, body, overrides.users, read_user);
    if (!users) return Unexpected{users.error()};
    const auto destinations =
        read_subjects(LimitSubject::Destination, body, overrides.destinations, read_name);
    if (!destinations) return Unexpected{destinations.error()};
    return overrides;
}

}  // namespace buzon::policy
