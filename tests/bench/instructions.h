// SPDX-License-Identifier: Apache-2.0
// User instructions that a bus spends on one operation, counted by valgrind's callgrind.
// A run of N operations and one of 2 N, each on a fresh bus: the difference is N operations,
// because start-up, logins and shut-down are in both.
// Errors: exceptions; valgrind must be installed.
#pragma once

#include <cstdint>
#include <string>

#include "tests/bench/workloads.h"
#include "tests/load/bus_process.h"

namespace buzon::bench {

struct InstructionCount {
    std::string workload;
    std::string bus;
    double per_operation = 0;
};

/// A broadcast counts as many operations, so it gets fewer of them.
[[nodiscard]] InstructionCount count_instructions(const Workload& workload,
                                                  const load::BusProgram& program,
                                                  std::uint64_t operations);

}  // namespace buzon::bench
