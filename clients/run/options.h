// SPDX-License-Identifier: Apache-2.0
// buzon-run's command line: that of dbus-run-session. Pure: words in, values out.
// Errors: CommandLineError, printed with the program's name before exit status 127.
// Source: dbus-run-session(1).
#pragma once

#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace buzon::clients {

struct RunOptions {
    enum class Command { RunProgram, PrintHelp, PrintVersion };

    Command command = Command::RunProgram;
    std::optional<std::string> config_file{};  // instead of the standard session configuration
    std::optional<std::string> bus_daemon{};   // instead of buzond
    std::vector<std::string> program{};        // with its arguments; empty only if not RunProgram

    bool operator==(const RunOptions&) const = default;
};

class CommandLineError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// `words` without the program's name. Options end at the first other word or at "--".
[[nodiscard]] RunOptions parse_run_options(std::span<const std::string> words);

[[nodiscard]] std::string run_help_text();

}  // namespace buzon::clients
