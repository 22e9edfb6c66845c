// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/instructions.h"

#include <fmt/format.h>

#include <fstream>
#include <stdexcept>
#include <string>

namespace buzon::bench {
namespace {

/// The total of a callgrind file, which stands in a line of its own at the end.
double read_total(const std::string& path) {
    constexpr std::string_view kLabel = "totals: ";
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with(kLabel)) return std::stod(line.substr(kLabel.size()));
    }
    throw std::runtime_error(fmt::format("valgrind left no total in {}", path));
}

struct Run {
    double operations = 0;  // a few more than asked for, because replies come in batches
    double instructions = 0;
};

Run run_under_valgrind(const Workload& workload,
                       const load::BusProgram& program,
                       std::uint64_t operations) {
    const load::ScratchDirectory directory;
    // %p: what the bus forks gets files of its own.
    load::RunningBus bus(program,
                         {"valgrind", "--tool=callgrind",
                          fmt::format("--callgrind-out-file={}/out.%p", directory.path())});
    const auto pid = bus.pid();
    const auto sample = run_workload(workload, bus, Plan{.operations = operations});
    bus.stop();
    return {.operations = sample.operations,
            .instructions = read_total(fmt::format("{}/out.{}", directory.path(), pid))};
}

}  // namespace

InstructionCount count_instructions(const Workload& workload,
                                    const load::BusProgram& program,
                                    std::uint64_t operations) {
    constexpr std::uint64_t kBroadcastShare = 10;
    if (workload.kind == Workload::Kind::FanOut) operations /= kBroadcastShare;
    const auto once = run_under_valgrind(workload, program, operations);
    const auto twice = run_under_valgrind(workload, program, 2 * operations);
    return {.workload = std::string(workload.name),
            .bus = program.name,
            .per_operation =
                (twice.instructions - once.instructions) / (twice.operations - once.operations)};
}

}  // namespace buzon::bench
