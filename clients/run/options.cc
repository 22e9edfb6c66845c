// SPDX-License-Identifier: Apache-2.0
#include "clients/run/options.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>

namespace buzon::clients {

namespace {

struct ValueOption {
    std::string_view name;
    std::optional<std::string> RunOptions::*field;
};

constexpr std::array kValueOptions = {
    ValueOption{"--config-file", &RunOptions::config_file},
    ValueOption{"--dbus-daemon", &RunOptions::bus_daemon},
    ValueOption{"--bus-daemon", &RunOptions::bus_daemon},
};

void set_once(std::optional<std::string>& field, std::string_view name, std::string_view value) {
    if (field) throw CommandLineError(fmt::format("{} given twice", name));
    field = value;
}

/// Takes the option in `words[next]` and its value; false if it is none of those with a value.
bool take_value_option(RunOptions& options, std::span<const std::string> words, std::size_t& next) {
    const std::string_view word = words[next];
    for (const auto& [name, field] : kValueOptions) {
        if (!word.starts_with(name)) continue;
        const std::string_view rest = word.substr(name.size());
        if (rest.empty()) {
            if (next + 1 == words.size()) {
                throw CommandLineError(fmt::format("option '{}' needs a value", name));
            }
            set_once(options.*field, name, words[next + 1]);
            next += 2;
            return true;
        }
        if (rest.front() == '=') {
            set_once(options.*field, name, rest.substr(1));
            next += 1;
            return true;
        }
    }
    return false;
}

}  // namespace

RunOptions parse_run_options(std::span<const std::string> words) {
    RunOptions options;
    std::size_t next = 0;
    while (next < words.size() && words[next].starts_with('-')) {
        const std::string& word = words[next];
        if (word == "--") {
            ++next;
            break;
        }
        if (word == "--help" || word == "-h" || word == "-?") {
            return {.command = RunOptions::Command::PrintHelp};
        }
        if (word == "--version") return {.command = RunOptions::Command::PrintVersion};
        if (!take_value_option(options, words, next)) {
            throw CommandLineError(fmt::format("option '{}' is unknown", word));
        }
    }
    options.program.assign(words.begin() + static_cast<std::ptrdiff_t>(next), words.end());
    if (options.program.empty()) throw CommandLineError("a program to run is required");
    return options;
}

std::string run_help_text() {
    return "usage: buzon-run [OPTIONS] [--] PROGRAM [ARGUMENTS]\n"
           "       buzon-run --help | --version\n"
           "\n"
           "Starts a private session bus, runs PROGRAM on it and ends the bus when PROGRAM ends.\n"
           "\n"
           "  --config-file=FILE    configure the bus by FILE instead of as a standard session "
           "bus\n"
           "  --bus-daemon=BINARY   run BINARY as the bus instead of buzond (also: --dbus-daemon)\n"
           "\n"
           "Exit status: that of PROGRAM, 128+N if signal N ended it, 127 if anything else "
           "failed.\n";
}

}  // namespace buzon::clients
