// SPDX-License-Identifier: Apache-2.0
// org.freedesktop.DBus.Properties of other services.
// Errors: sdbus::Error, as the service answers.
#pragma once

#include <map>
#include <string>

#include "clients/ctl/bus_connection.h"

namespace buzon::clients {

struct ObjectInterface {
    std::string service;
    std::string path;
    std::string interface;
};

[[nodiscard]] Value get_property(BusConnection& bus,
                                 const ObjectInterface& where,
                                 const std::string& name);
[[nodiscard]] std::map<std::string, Value> get_all_properties(BusConnection& bus,
                                                              const ObjectInterface& where);
void set_property(BusConnection& bus,
                  const ObjectInterface& where,
                  const std::string& name,
                  Value value);

}  // namespace buzon::clients
