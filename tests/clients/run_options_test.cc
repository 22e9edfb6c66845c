// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "clients/run/options.h"

namespace buzon::clients {
namespace {

using Words = std::vector<std::string>;

TEST(ParseRunOptions, SeparatesOurOptionsFromTheProgram) {
    using Command = RunOptions::Command;
    const struct {
        Words words;
        RunOptions expected;
    } kCases[] = {
        {{"true"}, {.program = {"true"}}},
        {{"--", "true", "--", "-x"}, {.program = {"true", "--", "-x"}}},
        {{"true", "--version"}, {.program = {"true", "--version"}}},
        {{"--", "--version"}, {.program = {"--version"}}},
        {{"--config-file=C", "true"}, {.config_file = "C", .program = {"true"}}},
        {{"--config-file", "C", "--", "true"}, {.config_file = "C", .program = {"true"}}},
        {{"--config-file", "--", "true"}, {.config_file = "--", .program = {"true"}}},
        {{"--config-file=", "true"}, {.config_file = "", .program = {"true"}}},
        {{"--dbus-daemon=D", "true"}, {.bus_daemon = "D", .program = {"true"}}},
        {{"--dbus-daemon", "D", "true"}, {.bus_daemon = "D", .program = {"true"}}},
        {{"--bus-daemon=D", "--config-file=C", "sh", "-c", "x"},
         {.config_file = "C", .bus_daemon = "D", .program = {"sh", "-c", "x"}}},
        {{"--help"}, {.command = Command::PrintHelp}},
        {{"-h", "--bogus"}, {.command = Command::PrintHelp}},
        {{"-?"}, {.command = Command::PrintHelp}},
        {{"--config-file=C", "--version"}, {.command = Command::PrintVersion}},
    };
    for (const auto& [words, expected] : kCases) {
        EXPECT_EQ(parse_run_options(words), expected) << testing::PrintToString(words);
    }
}

TEST(ParseRunOptions, NamesTheFirstError) {
    const struct {
        Words words;
        const char* text;
    } kCases[] = {
        {{}, "a program to run is required"},
        {{"--"}, "a program to run is required"},
        {{"--config-file=C"}, "a program to run is required"},
        {{"--bogus", "true"}, "option '--bogus' is unknown"},
        {{"-x"}, "option '-x' is unknown"},
        {{"-"}, "option '-' is unknown"},
        {{"--help=1"}, "option '--help=1' is unknown"},
        {{"--config-files=C"}, "option '--config-files=C' is unknown"},
        {{"--config-file"}, "option '--config-file' needs a value"},
        {{"--config-file=C", "--config-file", "C", "true"}, "--config-file given twice"},
        {{"--dbus-daemon=D", "--bus-daemon=D", "true"}, "--bus-daemon given twice"},
    };
    for (const auto& [words, text] : kCases) {
        try {
            (void)parse_run_options(words);
            ADD_FAILURE() << "accepted: " << testing::PrintToString(words);
        } catch (const CommandLineError& error) {
            EXPECT_STREQ(error.what(), text) << testing::PrintToString(words);
        }
    }
}

}  // namespace
}  // namespace buzon::clients
