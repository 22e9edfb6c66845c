// SPDX-License-Identifier: Apache-2.0
// Exit status: 0, or 1 where anything went wrong; busctl knows no others. `policy` answers with 0
// or 1, and what went wrong is 2.
#include <clocale>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "clients/ctl/command.h"
#include "clients/ctl/complaint.h"

namespace {

using namespace buzon::clients;

int run(const std::vector<std::string>& arguments) {
    const auto options = parse_command_line(arguments);
    if (!options) return 0;
    return find_command(*options).run(*options);
}

/// A full disk or a closed pipe must not look like success.
int with_output_written(int status) {
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
    std::perror("buzonctl: standard output");
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    try {
        return with_output_written(run(words));
    } catch (const sdbus::Error& error) {
        complain(error);
    } catch (const std::exception& error) {
        complain(error.what());
    }
    return failure_status(words);
}
