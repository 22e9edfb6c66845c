// SPDX-License-Identifier: Apache-2.0
#include <map>

#include <fmt/format.h>
#include <sdbus-c++/Error.h>
#include <nlohmann/json.hpp>

#include "bus/names.h"
#include "bus/protocol.h"
#include "clients/ctl/command.h"
#include "clients/ctl/credentials.h"
#include "clients/ctl/table.h"
#include "clients/ctl/terminal.h"

namespace buzon::clients {
namespace {

enum class NameState { Owned, Activatable };

/// Sorted by name, as busctl does it.
using Names = std::map<std::string, NameState>;

Names names_on(BusConnection& bus) {
    Names names;
    for (const auto& name : bus.call_for_texts(driver_call("ListActivatableNames")))
        names[name] = NameState::Activatable;
    for (const auto& name : bus.call_for_texts(driver_call("ListNames")))
        names[name] = NameState::Owned;
    return names;
}

bool is_wanted(const std::string& name, NameState state, const Options& options) {
    if (!options.unique && !options.acquired && !options.activatable) return true;
    if (state == NameState::Activatable) return options.activatable;
    return bus::is_unique_name(name) ? options.unique : options.acquired;
}

std::vector<Column> columns(const Options& options) {
    std::vector<Column> columns{{"NAME"},    {"PID", Align::Right}, {"PROCESS"},
                                {"USER"},    {"CONNECTION"},        {"UNIT"},
                                {"SESSION"}, {"DESCRIPTION"}};
    if (options.show_machine) columns.push_back({"MACHINE"});
    return columns;
}

Json machine_of(BusConnection& bus, const std::string& name) {
    sd_id128_t id{};
    if (sd_bus_get_name_machine_id(&bus.raw(), name.c_str(), &id) < 0) return nullptr;
    char text[SD_ID128_STRING_MAX] = {};
    return sd_id128_to_string(id, text);
}

/// Null in every column that nobody can fill, as for a name whose owner has just left.
Row row_of_owned(BusConnection& bus, const std::string& name, const Options& options) {
    Row row(columns(options).size(), nullptr);
    row[0] = name;
    if (options.show_machine) row.back() = machine_of(bus, name);
    CredentialsPtr owned;
    try {
        owned = credentials_of_name(bus, name,
                                    options.augment_credentials ? Augment::FromProc : Augment::No);
    } catch (const sdbus::Error&) {
        return row;
    }
    sd_bus_creds& credentials = *owned;
    const auto or_null = [](const std::optional<Json>& field) { return field.value_or(nullptr); };
    row[1] = or_null(pid_field(credentials));
    row[2] = or_null(text_field(credentials, sd_bus_creds_get_comm));
    row[3] = or_null(user_field(credentials));
    row[4] = or_null(text_field(credentials, sd_bus_creds_get_unique_name));
    row[5] = or_null(text_field(credentials, sd_bus_creds_get_unit));
    row[6] = or_null(text_field(credentials, sd_bus_creds_get_session));
    row[7] = or_null(text_field(credentials, sd_bus_creds_get_description));
    return row;
}

Row row_of_activatable(const std::string& name, const Options& options) {
    Row row(columns(options).size(), nullptr);
    row[0] = name;
    row[4] = "(activatable)";
    return row;
}

}  // namespace

int run_list(const Options& options) {
    BusConnection bus(options.bus);
    Table table(columns(options));
    for (const auto& [name, state] : names_on(bus)) {
        if (!is_wanted(name, state, options)) continue;
        table.add(state == NameState::Owned ? row_of_owned(bus, name, options)
                                            : row_of_activatable(name, options));
    }
    if (options.json != JsonMode::Off)
        fmt::print("{}\n", to_text(table.to_json(), options.json));
    else
        fmt::print("{}", table.to_text({.has_header = options.legend,
                                        .max_width = options.full ? 0 : terminal_width()}));
    return 0;
}

}  // namespace buzon::clients
