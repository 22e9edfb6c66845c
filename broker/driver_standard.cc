// SPDX-License-Identifier: Apache-2.0
// The interfaces that every object has: Peer, Introspectable, Properties; and GetId.
#include <fmt/format.h>

#include <array>

#include "broker/driver.h"
#include "bus/base/log.h"

namespace buzon::broker {

namespace {

constexpr std::string_view kPeerInterface = "org.freedesktop.DBus.Peer";
constexpr std::string_view kIntrospectableInterface = "org.freedesktop.DBus.Introspectable";

/// Interfaces beyond the driver's own and the basic three.
constexpr std::array<std::string_view, 4> kExtraInterfaces = {
    "org.freedesktop.DBus.Monitoring", "org.freedesktop.DBus.Debug.Stats", "org.buzon.Policy1",
    "org.buzon.Quota1"};

void write_extra_interfaces(bus::WireWriter& body) {
    const auto array = body.begin_array('s');
    for (const std::string_view name : kExtraInterfaces)
        body.write_string(name);
    body.end_array(array);
}

bool is_driver_interface(std::string_view name) {
    for (const DriverInterface& interface : driver_interfaces())
        if (interface.name == name) return true;
    return false;
}

ErrorReply unknown_interface(std::string_view name) {
    return {bus::error_name::kUnknownInterface,
            fmt::format("Interface \"{}\" not found", bus::printable(name))};
}

}  // namespace

Driver::Outcome Driver::get_id(DriverCall& call) {
    reply_string(call, state_.identity.guid);
    return {};
}

Driver::Outcome Driver::ping(DriverCall& call) {
    acknowledge(call);
    return {};
}

Driver::Outcome Driver::get_machine_id(DriverCall& call) {
    if (state_.identity.machine_id.empty())
        return refuse(bus::error_name::kFailed,
                      "This machine has no machine id: neither /var/lib/dbus/machine-id nor "
                      "/etc/machine-id holds 32 hexadecimal digits");
    reply_string(call, state_.identity.machine_id);
    return {};
}

Driver::Outcome Driver::introspect(DriverCall& call) {
    reply_string(call, introspection_.of(call.header().path));
    return {};
}

void Driver::write_feature_list(bus::WireWriter& body) const {
    const auto array = body.begin_array('s');
    body.write_string("ActivatableServicesChanged");
    body.write_string("HeaderFiltering");
    if (state_.identity.systemd_activation) body.write_string("SystemdActivation");
    body.end_array(array);
}

void Driver::write_properties(bus::WireWriter& body) const {
    body.align_struct();
    body.write_string("Features");
    body.write_signature("as");
    write_feature_list(body);
    body.align_struct();
    body.write_string("Interfaces");
    body.write_signature("as");
    write_extra_interfaces(body);
}

Driver::Outcome Driver::get_property(DriverCall& call) {
    const std::string_view interface = call.arguments.read_string().value_or("");
    const std::string_view name = call.arguments.read_string().value_or("");
    if (!is_driver_interface(interface)) return bus::Unexpected{unknown_interface(interface)};
    const bool is_features = name == "Features";
    if (interface != bus::kDriverName || (!is_features && name != "Interfaces"))
        return refuse(bus::error_name::kUnknownProperty,
                      fmt::format("Property \"{}.{}\" not found", interface, bus::printable(name)));
    auto& body = start_reply();
    body.write_signature("as");
    is_features ? write_feature_list(body) : write_extra_interfaces(body);
    finish_reply(call, "v");
    return {};
}

Driver::Outcome Driver::get_all_properties(DriverCall& call) {
    const std::string_view interface = call.arguments.read_string().value_or("");
    if (!is_driver_interface(interface)) return bus::Unexpected{unknown_interface(interface)};
    auto& body = start_reply();
    const auto array = body.begin_array('{');
    if (interface == bus::kDriverName) write_properties(body);
    body.end_array(array);
    finish_reply(call, "a{sv}");
    return {};
}

Driver::Outcome Driver::set_property(DriverCall& call) {
    const std::string_view interface = call.arguments.read_string().value_or("");
    const std::string_view name = call.arguments.read_string().value_or("");
    if (!is_driver_interface(interface)) return bus::Unexpected{unknown_interface(interface)};
    if (interface != bus::kDriverName || (name != "Features" && name != "Interfaces"))
        return refuse(bus::error_name::kUnknownProperty,
                      fmt::format("Property \"{}.{}\" not found", interface, bus::printable(name)));
    return refuse(bus::error_name::kPropertyReadOnly,
                  fmt::format("Property '{}.{}' cannot be set", interface, name));
}

void Driver::answer_as_connection(Peer& caller, const bus::Header& header) {
    const auto is_call = [&](std::string_view interface, std::string_view member) {
        return header.member == member &&
               (header.interface.empty() || header.interface == interface);
    };
    bus::MessageFields fields{.type = bus::MessageType::MethodReturn,
                              .reply_serial = header.serial};
    auto& body = start_reply();
    if (is_call(kPeerInterface, "Ping")) {
        if (!header.expects_reply()) return;
    } else if (is_call(kPeerInterface, "GetMachineId") && !state_.identity.machine_id.empty()) {
        body.write_string(state_.identity.machine_id);
        fields.signature = "s";
    } else if (is_call(kIntrospectableInterface, "Introspect")) {
        body.write_string(introspection_of_connection());
        fields.signature = "s";
    } else {
        fields.type = bus::MessageType::Error;
        fields.error_name = bus::error_name::kUnknownMethod;
        fields.signature = "s";
        body.write_string(
            fmt::format("Method \"{}\" with signature \"{}\" on interface \"{}\" doesn't exist",
                        header.member, header.signature, header.interface));
    }
    delivery_.answer_locally(caller, fields);
}

}  // namespace buzon::broker
