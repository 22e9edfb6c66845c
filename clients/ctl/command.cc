// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/command.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "clients/ctl/value_parser.h"

namespace buzon::clients {
namespace {

constexpr std::size_t kAny = SIZE_MAX;

constexpr Command kCommands[] = {
    {"list", "", "List the names on the bus", 0, 0, run_list},
    {"status", "[SERVICE|PID]", "Show who is behind a name, a process or the bus", 0, 1,
     run_status},
    {"tree", "[SERVICE...]", "Show the objects of services", 0, kAny, run_tree},
    {"introspect", "SERVICE OBJECT [INTERFACE]", "Show what an object can do", 2, 3,
     run_introspect},
    {"call", "SERVICE OBJECT INTERFACE METHOD [SIGNATURE [ARGUMENT...]]", "Call a method", 4, kAny,
     run_call},
    {"get-property", "SERVICE OBJECT INTERFACE PROPERTY...", "Show values of properties", 4, kAny,
     run_get_property},
    {"set-property", "SERVICE OBJECT INTERFACE PROPERTY SIGNATURE ARGUMENT...",
     "Give a property a value", 5, kAny, run_set_property},
    {"emit", "OBJECT INTERFACE SIGNAL [SIGNATURE [ARGUMENT...]]", "Emit a signal", 3, kAny,
     run_emit},
    {"monitor", "[SERVICE...]", "Show messages as they pass", 0, kAny, run_monitor},
    {"policy", "explain|check|diff [FILE...]", "Explain, check and compare who may do what", 1,
     kAny, run_policy, 2},
    {"quota", "", "Show who holds how much of the bus, and who is throttled", 0, 0, run_quota},
    {"help", "", "Show this help", 0, kAny, run_help},
};

}  // namespace

std::span<const Command> commands() {
    return kCommands;
}

int failure_status(std::span<const std::string> words) {
    const auto verb =
        std::ranges::find_if(words, [](const std::string& word) { return !word.starts_with('-'); });
    if (verb == words.end()) return 1;
    const auto* const command = std::ranges::find(kCommands, *verb, &Command::verb);
    return command == std::end(kCommands) ? 1 : command->failure_status;
}

const Command& find_command(const Options& options) {
    const auto* const command = std::ranges::find(kCommands, options.verb, &Command::verb);
    if (command == std::end(kCommands))
        throw UsageError(
            fmt::format("Unknown command '{}'; 'buzonctl help' lists them.", options.verb));
    const std::size_t count = options.arguments.size();
    if (count >= command->min_arguments && count <= command->max_arguments) return *command;
    throw UsageError(fmt::format("Too {} arguments: buzonctl {}{}{}",
                                 count < command->min_arguments ? "few" : "many", command->verb,
                                 command->arguments.empty() ? "" : " ", command->arguments));
}

}  // namespace buzon::clients
