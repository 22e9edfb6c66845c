// SPDX-License-Identifier: Apache-2.0
// The verbs of buzonctl. To add one: write cmd_foo.cc, declare run_foo() here, add its row in
// command.cc, and its lines in buzonctl.1 and the completion.
// A verb prints to standard output, returns the exit status, and throws what ends it early:
// UsageError, sdbus::Error.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "clients/ctl/options.h"

namespace buzon::clients {

struct Command {
    std::string_view verb;
    std::string_view arguments;  // as in the help text
    std::string_view summary;
    std::size_t min_arguments;
    std::size_t max_arguments;
    int (*run)(const Options& options);
    /// The exit status where it can't be done at all.
    int failure_status = 1;
};

[[nodiscard]] std::span<const Command> commands();

/// The row of `options.verb`, whose number of arguments is right. Errors: UsageError.
[[nodiscard]] const Command& find_command(const Options& options);

/// What to exit with if `words`, a command line that may be wrong, can't be carried out.
[[nodiscard]] int failure_status(std::span<const std::string> words);

int run_list(const Options& options);
int run_status(const Options& options);
int run_tree(const Options& options);
int run_introspect(const Options& options);
int run_call(const Options& options);
int run_get_property(const Options& options);
int run_set_property(const Options& options);
int run_emit(const Options& options);
int run_monitor(const Options& options);
int run_policy(const Options& options);
int run_quota(const Options& options);
int run_help(const Options& options);

}  // namespace buzon::clients
