// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "clients/run/bus_session.h"
#include "clients/run/options.h"

namespace {

using buzon::clients::RunOptions;

int run(const RunOptions& options) {
    std::signal(SIGCHLD, SIG_DFL);  // ignored by whoever started us, no child could be waited for
    std::vector<std::string> arguments{"--session"};
    if (options.config_file) arguments = {"--config-file", *options.config_file};
    buzon::clients::PrivateBus bus(
        options.bus_daemon.value_or(buzon::clients::default_bus_daemon()), arguments);
    return buzon::clients::run_program(options.program, bus);
}

}  // namespace

int main(int argc, char** argv) {
    constexpr int kOwnFailure = 127;
    try {
        const std::vector<std::string> words(argv + 1, argv + argc);
        const RunOptions options = buzon::clients::parse_run_options(words);
        switch (options.command) {
            case RunOptions::Command::PrintHelp:
                fmt::print("{}", buzon::clients::run_help_text());
                return EXIT_SUCCESS;
            case RunOptions::Command::PrintVersion:
                fmt::print("buzon-run {}\n", BUZON_VERSION);
                return EXIT_SUCCESS;
            case RunOptions::Command::RunProgram: return run(options);
        }
    } catch (const buzon::clients::CommandLineError& error) {
        fmt::print(stderr, "buzon-run: {}\nTry 'buzon-run --help'.\n", error.what());
    } catch (const std::exception& error) {
        fmt::print(stderr, "buzon-run: {}\n", error.what());
    }
    return kOwnFailure;
}
