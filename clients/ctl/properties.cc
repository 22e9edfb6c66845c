// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/properties.h"

#include <fmt/format.h>

#include "bus/protocol.h"

namespace buzon::clients {
namespace {

MethodCall properties_call(const ObjectInterface& where,
                           std::string member,
                           std::vector<Value> arguments) {
    return {where.service, where.path, "org.freedesktop.DBus.Properties", std::move(member),
            std::move(arguments)};
}

std::vector<Value> call_for(BusConnection& bus, const MethodCall& call, std::string_view types) {
    auto values = bus.call_for_values(call);
    if (signature_of(values) == types) return values;
    throw sdbus::Error(std::string(bus::error_name::kInvalidArgs),
                       fmt::format("{} answered with '{}' instead of '{}'", call.destination,
                                   signature_of(values), types));
}

}  // namespace

Value get_property(BusConnection& bus, const ObjectInterface& where, const std::string& name) {
    const auto call = properties_call(where, "Get", {{where.interface}, {name}});
    const auto values = call_for(bus, call, "v");
    return std::get<Variant>(values[0].data).content.at(0);
}

std::map<std::string, Value> get_all_properties(BusConnection& bus, const ObjectInterface& where) {
    const auto values =
        call_for(bus, properties_call(where, "GetAll", {{where.interface}}), "a{sv}");
    std::map<std::string, Value> properties;
    for (const Value& element : std::get<Array>(values[0].data).elements) {
        const auto& entry = std::get<DictEntry>(element.data).key_and_value;
        properties.emplace(std::get<std::string>(entry.at(0).data),
                           std::get<Variant>(entry.at(1).data).content.at(0));
    }
    return properties;
}

void set_property(BusConnection& bus,
                  const ObjectInterface& where,
                  const std::string& name,
                  Value value) {
    call_for(
        bus,
        properties_call(where, "Set", {{where.interface}, {name}, {Variant{{std::move(value)}}}}),
        "");
}

}  // namespace buzon::clients
