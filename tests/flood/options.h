// SPDX-License-Identifier: Apache-2.0
// The command line of buzon-flood.
// Errors: a wrong command line ends the program here, with a message; so do --help and --list.
#pragma once

#include <string>
#include <vector>

#include "tests/flood/outcome.h"
#include "tests/flood/role.h"
#include "tests/load/bus_process.h"

namespace buzon::flood {

struct Options {
    std::vector<load::BusProgram> buses;  // those asked for that can be run
    std::vector<Attack> attacks;
    std::vector<Goal> goals;  // by which buzond is judged
    Bounds bounds;
    unsigned rounds = 1;
    double seconds = 3;
    double rate = 0;  // calls a second of the good pairs; 0: a quarter of what each bus can carry
    bool json = false;
};

[[nodiscard]] Options parse_options(int argc, const char* const* argv);

}  // namespace buzon::flood
