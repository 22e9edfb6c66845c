// SPDX-License-Identifier: Apache-2.0
// The command line of buzon-bench, and what it chooses: which buses, which workloads, how long.
// Errors: a wrong command line ends the program here, with a message; so does --help.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/meter.h"
#include "tests/bench/workloads.h"
#include "tests/load/bus_process.h"

namespace buzon::bench {

struct Options {
    std::vector<load::BusProgram> buses;  // those asked for that can be run
    std::vector<Workload> workloads;
    unsigned rounds = 5;
    double seconds = 1;
    std::uint64_t operations = 1000;
    bool json = false;
    bool instructions = false;
};

/// Says on standard error which buses are left out because they are not there.
[[nodiscard]] Options parse_options(int argc, const char* const* argv);

/// For one sample of `workload`.
[[nodiscard]] Plan plan_of(const Options& options, const Workload& workload);

}  // namespace buzon::bench
