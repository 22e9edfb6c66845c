// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "clients/ctl/arguments.h"
#include "clients/ctl/command.h"
#include "clients/ctl/complaint.h"
#include "clients/ctl/interface_listing.h"
#include "clients/ctl/introspect_object.h"
#include "clients/ctl/properties.h"
#include "clients/ctl/terminal.h"

namespace buzon::clients {
namespace {

/// busctl's, too: on a terminal, longer names and values are cut.
constexpr std::size_t kMaxCellWidth = 40;

struct Subject {
    std::string service;
    std::string path;
    std::string interface;  // empty: all
};

Subject subject_from(const Options& options) {
    const auto& arguments = options.arguments;
    return {checked_service(arguments[0]), checked_path(arguments[1]),
            arguments.size() > 2 ? checked_interface(arguments[2]) : ""};
}

/// A service that can't tell its properties is described without their values.
DescribedInterface describe(BusConnection& bus,
                            const Subject& subject,
                            const introspection::Interface& interface) {
    if (interface.properties.empty()) return {interface};
    try {
        return {interface,
                get_all_properties(bus, {subject.service, subject.path, interface.name})};
    } catch (const sdbus::Error& error) {
        complain(fmt::format("Failed to get the properties of interface {}: {} ({})",
                             interface.name, error.getMessage(), error.getName()));
        return {interface};
    }
}

std::vector<DescribedInterface> describe_all(BusConnection& bus, const Subject& subject) {
    std::vector<DescribedInterface> interfaces;
    for (const auto& interface : introspect(bus, subject.service, subject.path).interfaces) {
        if (subject.interface.empty() || subject.interface == interface.name)
            interfaces.push_back(describe(bus, subject, interface));
    }
    return interfaces;
}

}  // namespace

int run_introspect(const Options& options) {
    const Subject subject = subject_from(options);
    BusConnection bus(options.bus);
    if (options.xml_interface) {
        fmt::print("{}\n", introspection_xml(bus, subject.service, subject.path));
        return 0;
    }
    const auto interfaces = describe_all(bus, subject);
    if (options.json != JsonMode::Off) {
        fmt::print("{}\n", to_text(interfaces_json(interfaces), options.json));
        return 0;
    }
    const bool is_cut = terminal_width() > 0 && !options.full;
    const Table table =
        interface_table(interfaces, subject.interface.empty() ? Heading::Interface : Heading::None,
                        is_cut ? kMaxCellWidth : 0);
    fmt::print("{}", table.to_text({.has_header = options.legend}));
    return 0;
}

}  // namespace buzon::clients
