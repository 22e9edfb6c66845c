// SPDX-License-Identifier: Apache-2.0
// What can be answered about services while the bus starts none: nothing is activatable.
// The environment for services is kept (bounded) for when it does.
#include <fmt/format.h>

#include <string_view>

#include "broker/activation_environment.h"
#include "broker/driver.h"
#include "bus/base/log.h"

namespace buzon::broker {

namespace {

/// Of looking for a variable and setting it, for Peer::charge_turn().
constexpr std::size_t kCostPerSetting = 256;

struct GivenSettings {
    ActivationEnvironment::Settings settings;
    std::size_t count = 0;  // with those given twice
    bool are_too_many = false;
};

/// Of an a{ss}; the last one of a name counts. Stops where those given take up more than there may
/// be in all, so that no message is a long work.
GivenSettings read_settings(bus::WireReader& arguments) {
    GivenSettings read;
    std::size_t bytes = 0;
    const auto end = arguments.enter_array('{');
    while (end && arguments.position() < *end) {
        if (!arguments.align(8)) break;
        const auto key = arguments.read_string();
        const auto value = arguments.read_string();
        if (!key || !value) break;
        ++read.count;
        bytes += ActivationEnvironment::size_of(*key, *value);
        read.are_too_many = bytes > ActivationEnvironment::kMaxBytes;
        if (read.are_too_many) break;
        read.settings.insert_or_assign(*key, *value);
    }
    return read;
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
    const auto read = read_settings(call.arguments);
    call.caller.charge_turn(read.count * kCostPerSetting);
    if (read.are_too_many || !state_.activation_environment.update(read.settings))
        return refuse(bus::error_name::kLimitsExceeded,
                      fmt::format("The activation environment would have more than {} bytes",
                                  ActivationEnvironment::kMaxBytes));
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
