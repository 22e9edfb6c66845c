// SPDX-License-Identifier: Apache-2.0
// Objects of other services as they describe themselves.
#pragma once

#include <string>
#include <vector>

#include "clients/ctl/bus_connection.h"
#include "introspection/model.h"

namespace buzon::clients {

/// The XML as the service wrote it. Errors: sdbus::Error, as the service answers.
[[nodiscard]] std::string introspection_xml(BusConnection& bus,
                                            const std::string& service,
                                            const std::string& path);

/// What is in the XML; an empty text is a node without anything.
/// Errors: the same, and sdbus::Error for XML that cannot be read.
[[nodiscard]] introspection::Node introspect(BusConnection& bus,
                                             const std::string& service,
                                             const std::string& path);

/// Paths of the children of the object at `path`, as they are written: not all need be valid.
[[nodiscard]] std::vector<std::string> child_paths(const introspection::Node& node,
                                                   const std::string& path);

}  // namespace buzon::clients
