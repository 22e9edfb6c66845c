// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "clients/ctl/arguments.h"
#include "clients/ctl/command.h"
#include "clients/ctl/properties.h"
#include "clients/ctl/value_json.h"
#include "clients/ctl/value_parser.h"
#include "clients/ctl/value_text.h"

namespace buzon::clients {
namespace {

ObjectInterface where_from(const Options& options) {
    const auto& arguments = options.arguments;
    return {checked_service(arguments[0]), checked_path(arguments[1]),
            checked_interface(arguments[2])};
}

void print_property(const Value& value, const Options& options) {
    if (options.json != JsonMode::Off)
        fmt::print("{}\n", to_text(to_json(value), options.json));
    else if (options.verbose)
        fmt::print("{}", to_verbose(value));
    else
        fmt::print("{}\n", to_terse_with_types({&value, 1}));
}

}  // namespace

int run_get_property(const Options& options) {
    const ObjectInterface where = where_from(options);
    const auto names = std::span(options.arguments).subspan(3);
    for (const std::string& name : names)
        checked_member(name);
    BusConnection bus(options.bus);
    for (const std::string& name : names) {
        const Value value = with_context(
            fmt::format("Failed to get property {} on interface {}", name, where.interface),
            [&] { return get_property(bus, where, name); });
        print_property(value, options);
    }
    return 0;
}

int run_set_property(const Options& options) {
    const ObjectInterface where = where_from(options);
    const std::string& name = checked_member(options.arguments[3]);
    const std::string& type = options.arguments[4];
    auto values = parse_values(type, std::span(options.arguments).subspan(5));
    if (values.size() != 1)
        throw UsageError(fmt::format("A property has one type; '{}' is {}.", type, values.size()));
    BusConnection bus(options.bus);
    with_context(fmt::format("Failed to set property {} on interface {}", name, where.interface),
                 [&] { set_property(bus, where, name, std::move(values[0])); });
    return 0;
}

}  // namespace buzon::clients
