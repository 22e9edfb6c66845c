// SPDX-License-Identifier: Apache-2.0
// What can be answered about services while the bus starts none: nothing is activatable.
// The environment for services is kept (bounded) for when it does.
#include <fmt/format.h>

#include <map>
#include <string>
#include <utility>

#include "broker/driver.h"
#include "bus/base/log.h"

namespace buzon::broker {

namespace {

// More than any environment that a process can be started with (ARG_MAX is some 2 MiB).
constexpr std::size_t kMaxEnvironmentBytes = std::size_t{1} << 20;

// What an entry costs besides its bytes.
constexpr std::size_t kEntryBytes = 64;

using Environment = std::map<std::string, std::string>;

std::size_t size_of(const Environment& environment) {
    std::size_t bytes = 0;
    for (const auto& [key, value] : environment)
        bytes += kEntryBytes + key.size() + value.size();
    return bytes;
}

/// Adds an a{ss} to `environment`. False, with some of it added, where that becomes too large.
bool apply_settings(bus::WireReader& arguments, Environment& environment) {
    std::size_t bytes = size_of(environment);
    const auto end = arguments.enter_array('{');
    while (end && arguments.position() < *end) {
        if (!arguments.align(8)) break;
        const auto key = arguments.read_string();
        const auto value = arguments.read_string();
        if (!key || !value) break;
        const auto [entry, is_new] = environment.try_emplace(std::string(*key));
        if (is_new) bytes += kEntryBytes + key->size();
        bytes = bytes - entry->second.size() + value->size();
        if (bytes > kMaxEnvironmentBytes) return false;
        entry->second = *value;
    }
    return true;
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
    auto changed = state_.activation_environment;
    if (!apply_settings(call.arguments, changed))
        return refuse(bus::error_name::kLimitsExceeded,
                      fmt::format("The activation environment would have more than {} bytes",
                                  kMaxEnvironmentBytes));
    state_.activation_environment = std::move(changed);
    acknowledge(call);
    return {};
}

Driver::Outcome Driver::reload_config(DriverCall& call) {
    return host_.reload_configuration(call.caller, call.header().serial);
}

void Driver::announce_activatable_services() {
    delivery_.start_body();
    delivery_.broadcast_from_driver({.path = bus::kDriverPath,
                                     .interface = bus::kDriverName,
                                     .member = "ActivatableServicesChanged"});
}

}  // namespace buzon::broker
