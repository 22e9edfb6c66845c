// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bus/names.h"
#include "clients/ctl/command.h"
#include "clients/ctl/credentials.h"
#include "clients/ctl/value_parser.h"
#include "clients/ctl/value_text.h"

namespace buzon::clients {
namespace {

/// Four a line, but three behind the name of the field.
std::string capabilities_text(const Json& names) {
    constexpr std::size_t kEachLine = 4;
    std::string out;
    std::size_t count = 1;
    for (const Json& name : names) {
        if (count > 1) out += ' ';
        if (count > 1 && count % kEachLine == 0) out += "\n        ";
        out += name.get<std::string>();
        ++count;
    }
    return out;
}

/// As it is where it can't be mistaken: one word, without control characters.
std::string word_text(const std::string& word) {
    const std::string quoted = quote_for_people(word);
    const bool is_plain =
        !word.empty() && quoted.size() == word.size() + 2 && word.find(' ') == std::string::npos;
    return is_plain ? word : quoted;
}

std::string list_text(const Json& list) {
    std::string out;
    for (const Json& element : list) {
        if (!out.empty()) out += ' ';
        out += element.is_string() ? word_text(element.get<std::string>())
                                   : to_text(element, JsonMode::Short);
    }
    return out;
}

std::string field_text(const std::string& name, const Json& value) {
    if (value.is_null()) return "n/a";
    if (name.ends_with("Capabilities")) return capabilities_text(value);
    if (value.is_array()) return list_text(value);
    return value.is_string() ? escape_controls(value.get<std::string>())
                             : to_text(value, JsonMode::Short);
}

Json bus_fields(BusConnection& bus, const Options& options) {
    Json fields{{"BusAddress", bus.address()}};
    if (options.bus.scope != BusScope::Address)
        fields["BusScope"] = options.bus.scope == BusScope::User ? "user" : "system";
    fields["BusID"] = bus.bus_id();
    return fields;
}

std::optional<pid_t> to_pid(const std::string& text) {
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
    const bool is_pid = error == std::errc{} && end == text.data() + text.size() && pid > 0;
    return is_pid ? std::optional{pid} : std::nullopt;
}

Json fields_of(const Options& options) {
    const Augment augment = options.augment_credentials ? Augment::FromProc : Augment::No;
    if (!options.arguments.empty()) {
        const std::string& subject = options.arguments[0];
        if (const auto pid = to_pid(subject)) return all_fields(*credentials_of_process(*pid));
        if (!bus::is_bus_name(subject))
            throw UsageError(fmt::format("'{}' is neither a bus name nor a process id.", subject));
        BusConnection bus(options.bus);
        return all_fields(*credentials_of_name(bus, subject, augment));
    }
    BusConnection bus(options.bus);
    Json fields = bus_fields(bus, options);
    fields.update(all_fields(*credentials_of_bus_owner(bus, augment)));
    return fields;
}

}  // namespace

int run_status(const Options& options) {
    const Json fields = fields_of(options);
    if (options.json != JsonMode::Off) {
        fmt::print("{}\n", to_text(fields, options.json));
        return 0;
    }
    for (const auto& [name, value] : fields.items())
        fmt::print("{}={}\n", name, field_text(name, value));
    return 0;
}

}  // namespace buzon::clients
