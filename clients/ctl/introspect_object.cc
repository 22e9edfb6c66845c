// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/introspect_object.h"

#include <fmt/format.h>

#include "bus/protocol.h"
#include "introspection/xml_reader.h"

namespace buzon::clients {

std::string introspection_xml(BusConnection& bus,
                              const std::string& service,
                              const std::string& path) {
    return with_context(
        fmt::format("Failed to introspect object {} of service {}", path, service), [&] {
            return bus.call_for_text(
                {service, path, "org.freedesktop.DBus.Introspectable", "Introspect"});
        });
}

introspection::Node introspect(BusConnection& bus,
                               const std::string& service,
                               const std::string& path) {
    const std::string xml = introspection_xml(bus, service, path);
    if (xml.empty()) return {};
    auto node = introspection::read_xml(xml);
    if (node) return std::move(node).value();
    throw sdbus::Error(
        std::string(bus::error_name::kInvalidFileContent),
        fmt::format("Failed to read what object {} of service {} says about itself: {}", path,
                    service, introspection::describe(node.error())));
}

std::vector<std::string> child_paths(const introspection::Node& node, const std::string& path) {
    std::vector<std::string> paths;
    for (const introspection::Node& child : node.children) {
        if (child.name.empty()) continue;
        const bool is_absolute = child.name.front() == '/';
        const std::string parent = path == "/" ? "" : path;
        paths.push_back(is_absolute ? child.name : parent + "/" + child.name);
    }
    return paths;
}

}  // namespace buzon::clients
