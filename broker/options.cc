// SPDX-License-Identifier: Apache-2.0
#include "broker/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdlib>
#include <iterator>
#include <variant>

#include "bus/address.h"
#include "bus/names.h"

namespace buzon::broker {

namespace {

using Usage = CommandLineError::Usage;

// Compat: dbus-daemon reads descriptors with strtol() and base 0, so "+1", " 1" and "0x1" count
// too.
int parse_descriptor(std::string_view text) {
    if (text.empty()) return 1;
    const std::string digits(text);
    char* end = nullptr;
    errno = 0;
    const long value = std::strtol(digits.c_str(), &end, 0);
    if (errno != 0 || *end != '\0' || end == digits.c_str() || value < 0 || value > INT_MAX) {
        throw CommandLineError(fmt::format("Invalid file descriptor: \"{}\"", text));
    }
    return static_cast<int>(value);
}

void use_config_file(CommandLine& line, std::string_view option, std::string_view file) {
    std::string& chosen = line.options.config_file;
    if (!chosen.empty()) {
        throw CommandLineError(fmt::format(
            "{} specified but configuration file {} already requested", option, chosen));
    }
    chosen = file;
}

// Compat: an empty value is no value, here and for --config-file (`--address=$UNSET`).
void use_address(CommandLine& line, std::string_view option, std::string_view address) {
    std::optional<std::string>& chosen = line.options.address;
    if (chosen) {
        throw CommandLineError(
            fmt::format("{} specified but address {} already requested", option, *chosen));
    }
    if (!address.empty()) chosen = address;
}

void add_mailbox_config(CommandLine& line, std::string_view option, std::string_view file) {
    if (file.empty()) throw CommandLineError(fmt::format("{0}= needs a value: {0}=FILE", option));
    line.options.mailbox_configs.emplace_back(file);
}

/// Where a name is chosen for us nobody would know it, and unix:runtime is where clients look for a
/// bus.
bool is_for_metrics(const bus::Address& address) {
    return std::holds_alternative<bus::UnixPath>(address.transport) ||
           std::holds_alternative<bus::UnixAbstract>(address.transport);
}

void use_metrics_address(CommandLine& line, std::string_view option, std::string_view text) {
    std::optional<std::string>& chosen = line.options.metrics_address;
    if (chosen) {
        throw CommandLineError(
            fmt::format("{} specified but address {} already requested", option, *chosen));
    }
    const auto addresses = bus::parse_addresses(text);
    if (!addresses) {
        throw CommandLineError(
            fmt::format("{}: \"{}\": {}", option, text, bus::describe(addresses.error())));
    }
    if (!std::ranges::all_of(*addresses, is_for_metrics)) {
        throw CommandLineError(fmt::format(
            "{} takes unix:path=... or unix:abstract=..., and \"{}\" is neither", option, text));
    }
    chosen = text;
}

void print_address(CommandLine& line, std::string_view option, std::string_view descriptor) {
    std::optional<int>& chosen = line.options.print_address_fd;
    if (chosen) {
        throw CommandLineError(fmt::format(
            "{} specified but printing address to {} already requested", option, *chosen));
    }
    chosen = parse_descriptor(descriptor);
}

void print_pid(CommandLine& line, std::string_view option, std::string_view descriptor) {
    std::optional<int>& chosen = line.options.print_pid_fd;
    if (chosen) {
        throw CommandLineError(
            fmt::format("{} specified but printing pid to {} already requested", option, *chosen));
    }
    chosen = parse_descriptor(descriptor);
}

// Compat: --syslog after --syslog-only does not bring standard error back; --nosyslog does.
void use_syslog(CommandLine& line, std::string_view, std::string_view) {
    if (line.options.syslog != SyslogChoice::Only) line.options.syslog = SyslogChoice::Also;
}

// Once with and once without a name: the whole bus is.
void be_permissive(CommandLine& line, std::string_view option, std::string_view name) {
    PermissiveMode& permissive = line.options.permissive;
    if (name.empty()) {
        permissive.whole_bus = true;
    } else if (bus::is_well_known_name(name)) {
        permissive.names.emplace_back(name);
    } else if (bus::is_unique_name(name)) {
        // Whom it will belong to is chance.
        throw CommandLineError(fmt::format(
            "{} takes a well-known bus name, and \"{}\" is a unique one", option, name));
    } else {
        throw CommandLineError(
            fmt::format("{} takes a well-known bus name, and \"{}\" is none", option, name));
    }
}

/// For an option without a value: sets one field of Options.
template <auto Field, auto Setting>
void set(CommandLine& line, std::string_view, std::string_view) {
    line.options.*Field = Setting;
}

template <Command Asked>
void ask_for(CommandLine& line, std::string_view, std::string_view) {
    line.command = Asked;
}

/// OptionalAttached: only behind a "=".
enum class Value { None, Required, OptionalDescriptor, OptionalAttached };

struct Row {
    std::string_view name, hint;
    Value value;
    void (*apply)(CommandLine& line, std::string_view option, std::string_view value);
};

// In the order of the usage text, which ends before --help.
constexpr Row kRows[] = {
    {"--version", "", Value::None, ask_for<Command::PrintVersion>},
    {"--session", "", Value::None,
     [](CommandLine& line, std::string_view option, std::string_view) {
         use_config_file(line, option, kSessionConfigFile);
     }},
    {"--system", "", Value::None,
     [](CommandLine& line, std::string_view option, std::string_view) {
         use_config_file(line, option, kSystemConfigFile);
     }},
    {"--config-file", "=FILE", Value::Required, use_config_file},
    {"--print-address", "[=DESCRIPTOR]", Value::OptionalDescriptor, print_address},
    {"--print-pid", "[=DESCRIPTOR]", Value::OptionalDescriptor, print_pid},
    {"--introspect", "", Value::None, ask_for<Command::PrintIntrospection>},
    {"--address", "=ADDRESS", Value::Required, use_address},
    {"--nopidfile", "", Value::None, set<&Options::pidfile, PidfileChoice::Never>},
    {"--nosyslog", "", Value::None, set<&Options::syslog, SyslogChoice::Never>},
    {"--syslog", "", Value::None, use_syslog},
    {"--syslog-only", "", Value::None, set<&Options::syslog, SyslogChoice::Only>},
    {"--nofork", "", Value::None, set<&Options::fork, ForkChoice::Never>},
    {"--fork", "", Value::None, set<&Options::fork, ForkChoice::Always>},
    {"--systemd-activation", "", Value::None, set<&Options::systemd_activation, true>},
    {"--unsafe-partial-policy", "", Value::None, set<&Options::unsafe_partial_policy, true>},
    {"--mailbox-config", "=FILE", Value::Required, add_mailbox_config},
    {"--permissive", "[=NAME]", Value::OptionalAttached, be_permissive},
    {"--metrics-address", "=ADDRESS", Value::Required, use_metrics_address},
    {"--help", "", Value::None, ask_for<Command::PrintUsage>},
    {"-h", "", Value::None, ask_for<Command::PrintUsage>},
    {"-?", "", Value::None, ask_for<Command::PrintUsage>},
};

const Row* find_row(std::string_view word) {
    const auto* const row = std::ranges::find_if(kRows, [word](const Row& candidate) {
        if (!word.starts_with(candidate.name)) return false;
        const std::string_view rest = word.substr(candidate.name.size());
        return rest.empty() || (candidate.value != Value::None && rest.front() == '=');
    });
    return row == std::end(kRows) ? nullptr : row;
}

/// The value of the option in `word`, which may be the next of `words`; `next` moves past it.
std::string_view value_of(const Row& row,
                          std::string_view word,
                          std::span<const std::string> words,
                          std::size_t& next) {
    if (word.size() > row.name.size()) {
        const std::string_view value = word.substr(row.name.size() + 1);
        // `--permissive=$UNSET` must not mean more than was meant.
        if (value.empty() && row.value == Value::OptionalAttached) {
            throw CommandLineError(
                fmt::format("{}= needs a value: {}{}", row.name, row.name, row.hint));
        }
        return value;
    }
    const bool at_end = next == words.size();
    switch (row.value) {
        case Value::None:
        case Value::OptionalAttached: return "";
        case Value::OptionalDescriptor:
            // As from dbus-daemon 1.15.8 on: 1.14 takes any word, even "--print-pid".
            if (at_end || words[next].starts_with("--")) return "";
            break;
        case Value::Required:
            // dbus-daemon forgets an option whose value is missing; to start without the address
            // that was asked for helps nobody.
            if (at_end || find_row(words[next])) {
                throw CommandLineError(
                    fmt::format("{} needs a value: {}{}", row.name, row.name, row.hint));
            }
            break;
    }
    return words[next++];
}

}  // namespace

CommandLine parse_command_line(std::span<const std::string> words) {
    CommandLine line;
    for (std::size_t next = 0; next < words.size();) {
        const std::string& word = words[next++];
        const Row* const row = find_row(word);
        if (!row) throw CommandLineError(fmt::format("Unknown option \"{}\"", word), Usage::Show);
        row->apply(line, row->name, value_of(*row, word, words, next));
        if (line.command != Command::Run) return line;
    }
    if (line.options.config_file.empty()) {
        throw CommandLineError("No configuration file specified.", Usage::Show);
    }
    return line;
}

std::string usage_text(std::string_view program) {
    std::string text(program);
    for (const Row& row : kRows) {
        if (row.name == "--help") break;
        text += fmt::format(" [{}{}]", row.name, row.hint);
    }
    return text + "\n";
}

// The first line ends in a version of dbus-daemon because scripts compare its last word.
std::string version_text() {
    return "D-Bus Message Bus Daemon: buzond " BUZON_VERSION
           ", compatible with 1.14.10\n"
           "Licensed under the Apache License, Version 2.0.\n"
           "There is NO warranty, to the extent permitted by law.\n";
}

}  // namespace buzon::broker
