// SPDX-License-Identifier: Apache-2.0
// The command line of buzonctl: busctl's, so that scripts and fingers need not change.
// Every option may stand anywhere before `--`; what is no option is the verb and its arguments.
// A number with a sign (-1) is an argument.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clients/ctl/bus_connection.h"
#include "clients/ctl/json_mode.h"
#include "clients/ctl/policy_options.h"

namespace buzon::clients {

struct Options {
    BusChoice bus{};
    JsonMode json = JsonMode::Off;
    bool legend = true;
    bool full = false;

    bool show_machine = false;
    bool unique = false;
    bool acquired = false;
    bool activatable = false;
    bool augment_credentials = true;

    bool list = false;
    bool xml_interface = false;

    bool quiet = false;
    bool verbose = false;
    bool expect_reply = true;
    bool allow_interactive_authorization = true;
    std::string destination{};

    std::vector<std::string> matches{};

    bool watch = false;
    std::uint32_t count = 0;  // of `quota --watch`; 0: for ever

    PolicyOptions policy{};

    /// The verb, `list` if none was given, and what stood behind it.
    std::string verb = "list";
    std::vector<std::string> arguments{};
};

/// Nothing: --help or --version was asked for, and printed. Errors: UsageError.
[[nodiscard]] std::optional<Options> parse_command_line(const std::vector<std::string>& arguments);

/// The help text: all verbs, all options.
[[nodiscard]] std::string help_text();

}  // namespace buzon::clients
