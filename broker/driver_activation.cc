// SPDX-License-Identifier: Apache-2.0
// What can be answered about services while the bus starts none: nothing is activatable.
// The environment for services is kept (bounded) for when it does.
#include <fmt/format.h>

#include <utility>
#include <vector>

#include "broker/driver.h"
#include "bus/base/log.h"

namespace buzon::broker {

namespace {

// More than any environment that a process can be started with (ARG_MAX is some 2 MiB).
constexpr std::size_t kMaxEnvironmentBytes = std::size_t{1} << 20;

using Setting = std::pair<std::string_view, std::string_view>;

std::vector<Setting> read_settings(bus::WireReader& arguments) {
    std::vector<Setting> settings;
    const auto end = arguments.enter_array('{');
    while (end && arguments.position() < *end) {
        if (!arguments.align(8)) break;
        const auto key = arguments.read_string();
        const auto value = arguments.read_string();
        if (!key || !value) break;
        settings.emplace_back(*key, *value);
    }
    return settings;
}

}  // namespace

Driver::Outcome Driver::start_service_by_name(DriverCall& call) {
    const std::string_view name = call.arguments.read_string().value_or("");
    return refuse(
        bus::error_name::kServiceUnknown,
        fmt::format("The name {} was not provided by any .service files", bus::printable(name)));
}

Driver::Outcome Driver::list_activatable_names(DriverCall& call) {
    auto& body = start_reply();
    const auto array = body.begin_array('s');
    body.write_string(bus::kDriverName);
    body.end_array(array);
    finish_reply(call, "as");
    return {};
}

Driver::Outcome Driver::update_activation_environment(DriverCall& call) {
    if (!is_privileged(call.caller))
        return refuse(bus::error_name::kAccessDenied,
                      "The activation environment is only for root and for the owner of this bus "
                      "to change");
    if (state_.identity.has_service_helper)
        return refuse(bus::error_name::kAccessDenied,
                      "Cannot change activation environment on a system bus.");
    const auto settings = read_settings(call.arguments);
    std::size_t bytes = state_.activation_environment_bytes;
    for (const auto& [key, value] : settings)
        bytes += key.size() + value.size();
    if (bytes > kMaxEnvironmentBytes)
        return refuse(bus::error_name::kLimitsExceeded,
                      fmt::format("The activation environment would have more than {} bytes",
                                  kMaxEnvironmentBytes));
    for (const auto& [key, value] : settings) {
        auto& stored = state_.activation_environment[std::string(key)];
        if (stored.empty()) state_.activation_environment_bytes += key.size();
        state_.activation_environment_bytes += value.size();
        state_.activation_environment_bytes -= stored.size();
        stored = value;
    }
    acknowledge(call);
    return {};
}

Driver::Outcome Driver::reload_config(DriverCall& call) {
    if (auto reloaded = host_.reload_configuration(); !reloaded)
        return refuse(bus::error_name::kFailed, reloaded.error());
    start_reply();
    finish_reply(call, "");
    return {};
}

void Driver::announce_activatable_services() {
    delivery_.start_body();
    delivery_.broadcast_from_driver({.path = bus::kDriverPath,
                                     .interface = bus::kDriverName,
                                     .member = "ActivatableServicesChanged"});
}

}  // namespace buzon::broker
