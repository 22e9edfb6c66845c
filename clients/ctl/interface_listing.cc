// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/interface_listing.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "clients/ctl/value_text.h"

namespace buzon::clients {
namespace {

using introspection::Annotation;
using introspection::Argument;
using introspection::Direction;
using introspection::Interface;
using introspection::Method;
using introspection::Property;
using introspection::Signal;

constexpr std::string_view kDeprecated = "org.freedesktop.DBus.Deprecated";
constexpr std::string_view kNoReply = "org.freedesktop.DBus.Method.NoReply";
constexpr std::string_view kEmitsChanged = "org.freedesktop.DBus.Property.EmitsChangedSignal";

using Flags = std::vector<std::string>;

std::optional<std::string_view> find(const std::vector<Annotation>& annotations,
                                     std::string_view name) {
    const auto found = std::ranges::find(annotations, name, &Annotation::name);
    if (found == annotations.end()) return std::nullopt;
    return found->value;
}

template <typename Described>
Flags flags_of(const Described& described) {
    Flags flags;
    if (find(described.annotations, kDeprecated) == "true") flags.emplace_back("deprecated");
    if (find(described.annotations, kNoReply) == "true") flags.emplace_back("no-reply");
    return flags;
}

/// The annotation of a property, or else of its interface, says how changes are announced.
Flags property_flags(const Property& property, const Interface& interface) {
    Flags flags = flags_of(property);
    const auto of_interface = find(interface.annotations, kEmitsChanged).value_or("true");
    const auto emits = find(property.annotations, kEmitsChanged).value_or(of_interface);
    if (emits == "const") flags.emplace_back("const");
    if (emits == "true") flags.emplace_back("emits-change");
    if (emits == "invalidates") flags.emplace_back("emits-invalidation");
    if (property.access != introspection::Access::Read) flags.emplace_back("writable");
    return flags;
}

std::string types_of(const std::vector<Argument>& arguments, Direction direction) {
    std::string types;
    for (const Argument& argument : arguments) {
        if (argument.direction == direction) types += argument.type;
    }
    return types;
}

Json or_null(std::string text) {
    return text.empty() ? Json(nullptr) : Json(std::move(text));
}

Json flags_cell(const Flags& flags) {
    std::string text;
    for (const std::string& flag : flags)
        text.append(text.empty() ? "" : " ").append(flag);
    return or_null(std::move(text));
}

void sort(std::vector<DescribedInterface>& interfaces) {
    std::ranges::stable_sort(interfaces, {}, [](const auto& one) { return one.description.name; });
    for (auto& [description, values] : interfaces) {
        std::ranges::stable_sort(description.methods, {}, &Method::name);
        std::ranges::stable_sort(description.properties, {}, &Property::name);
        std::ranges::stable_sort(description.signals, {}, &Signal::name);
    }
}

void add_rows(Table& table, const DescribedInterface& interface) {
    const auto& [description, values] = interface;
    for (const Method& method : description.methods)
        table.add({"." + method.name, "method", or_null(types_of(method.arguments, Direction::In)),
                   or_null(types_of(method.arguments, Direction::Out)),
                   flags_cell(flags_of(method))});
    for (const Property& property : description.properties) {
        const auto value = values.find(property.name);
        table.add({"." + property.name, "property", property.type,
                   value == values.end() ? Json(nullptr) : Json(to_terse(value->second)),
                   flags_cell(property_flags(property, description))});
    }
    for (const Signal& signal : description.signals)
        table.add({"." + signal.name, "signal", or_null(types_of(signal.arguments, Direction::Out)),
                   nullptr, flags_cell(flags_of(signal))});
}

Json methods_json(const std::vector<Method>& methods) {
    Json list = Json::array();
    for (const Method& method : methods)
        list.push_back({{"name", method.name},
                        {"signature", types_of(method.arguments, Direction::In)},
                        {"result", types_of(method.arguments, Direction::Out)},
                        {"flags", flags_of(method)}});
    return list;
}

Json properties_json(const DescribedInterface& interface) {
    Json list = Json::array();
    for (const Property& property : interface.description.properties) {
        const auto value = interface.values.find(property.name);
        list.push_back({{"name", property.name},
                        {"signature", property.type},
                        {"value", value == interface.values.end() ? Json(nullptr)
                                                                  : to_json_data(value->second)},
                        {"flags", property_flags(property, interface.description)}});
    }
    return list;
}

Json signals_json(const std::vector<Signal>& signals) {
    Json list = Json::array();
    for (const Signal& signal : signals)
        list.push_back({{"name", signal.name},
                        {"signature", types_of(signal.arguments, Direction::Out)},
                        {"flags", flags_of(signal)}});
    return list;
}

}  // namespace

Table interface_table(std::vector<DescribedInterface> interfaces,
                      Heading heading,
                      std::size_t max_cell_width) {
    sort(interfaces);
    Table table({{"NAME", Align::Left, max_cell_width},
                 {"TYPE"},
                 {"SIGNATURE"},
                 {"RESULT/VALUE", Align::Left, max_cell_width},
                 {"FLAGS"}});
    for (const DescribedInterface& interface : interfaces) {
        if (heading == Heading::Interface)
            table.add({interface.description.name, "interface", nullptr, nullptr,
                       flags_cell(flags_of(interface.description))});
        add_rows(table, interface);
    }
    return table;
}

Json interfaces_json(std::vector<DescribedInterface> interfaces) {
    sort(interfaces);
    Json list = Json::array();
    for (const DescribedInterface& interface : interfaces)
        list.push_back({{"name", interface.description.name},
                        {"flags", flags_of(interface.description)},
                        {"methods", methods_json(interface.description.methods)},
                        {"properties", properties_json(interface)},
                        {"signals", signals_json(interface.description.signals)}});
    return list;
}

}  // namespace buzon::clients
