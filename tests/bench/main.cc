// SPDX-License-Identifier: Apache-2.0
// buzon-bench: the same load on buzond, dbus-daemon and dbus-broker, side by side.
//
// What is measured. Per workload: operations per second; CPU time that the process which carries
// the messages spends on one operation, in the kernel and outside, from its own CPU clock, which
// counts in nanoseconds; where calls go one at a time, the time from a call to its reply.
//
// Why it is fair. All buses get the same bytes from the same client, which speaks the wire itself
// and does almost nothing: fixed messages, batches in one write, one recv for all that is there.
// So the bus is what limits the rate (column "busy" shows whether it did). Callers are one process
// of one thread and callees another, so that they and the bus share two CPUs. Each sample has a
// fresh bus that runs alone, with a session bus's limits and a policy that allows everything.
// Buses take turns within a round, and ratios are taken within rounds, so a machine that slows
// down slows all of them.
#include <fmt/format.h>
#include <stdlib.h>

#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/instructions.h"
#include "tests/bench/meter.h"
#include "tests/bench/options.h"
#include "tests/bench/report.h"
#include "tests/bench/workloads.h"
#include "tests/load/bus_process.h"

namespace buzon::bench {
namespace {

void add_round(const Workload& workload,
               const load::BusProgram& program,
               const Plan& plan,
               BusResult& result) {
    // What failed once would fail again, after a long wait perhaps.
    if (!result.failure.empty()) return;
    std::optional<load::RunningBus> bus;
    try {
        bus.emplace(program);
        result.rounds.push_back(run_workload(workload, *bus, plan));
    } catch (const std::exception& failure) {
        result.failure = bus ? bus->with_log(failure.what()) : failure.what();
    }
}

WorkloadResult measure(const Options& options, const Workload& workload) {
    WorkloadResult result{.workload = workload.name, .about = workload.about, .buses = {}};
    for (const auto& program : options.buses) {
        result.buses.push_back({.bus = program.name, .rounds = {}, .failure = {}});
    }
    const auto plan = plan_of(options, workload);
    for (unsigned round = 0; round < options.rounds; ++round) {
        for (std::size_t i = 0; i < options.buses.size(); ++i) {
            add_round(workload, options.buses[i], plan, result.buses[i]);
        }
    }
    return result;
}

void warn_of_load() {
    constexpr double kQuiet = 0.5;
    double load = 0;
    if (::getloadavg(&load, 1) != 1 || load < kQuiet) return;
    fmt::print(stderr, "the machine is busy (load {:.1f}): trust ratios more than rates\n", load);
}

int compare(const Options& options) {
    warn_of_load();
    if (!options.json) fmt::print("{}", heading(options.rounds, options.seconds));
    std::vector<WorkloadResult> results;
    for (const auto& workload : options.workloads) {
        results.push_back(measure(options, workload));
        if (!options.json) fmt::print("\n{}", table_of(results.back()));
        std::fflush(stdout);
    }
    if (options.json) fmt::print("{}\n", json_of(results));
    return any_failed(results) ? 1 : 0;
}

int count_instructions(const Options& options) {
    std::vector<InstructionCount> counts;
    for (const auto& workload : options.workloads) {
        // Valgrind is slower than the pace.
        if (workload.kind == Workload::Kind::PacedCalls) continue;
        for (const auto& program : options.buses) {
            counts.push_back(count_instructions(workload, program, options.operations));
            fmt::print(stderr, "counted: {} on {}\n", workload.name, program.name);
        }
    }
    fmt::print("{}", options.json ? json_of(counts) + "\n" : table_of(counts));
    return 0;
}

int run(int argc, char** argv) {
    const auto options = parse_options(argc, argv);
    if (options.buses.empty()) {
        fmt::print(stderr, "buzon-bench: there is no bus to measure\n");
        return 1;
    }
    return options.instructions ? count_instructions(options) : compare(options);
}

}  // namespace
}  // namespace buzon::bench

int main(int argc, char** argv) {
    try {
        return buzon::bench::run(argc, argv);
    } catch (const std::exception& failure) {
        fmt::print(stderr, "buzon-bench: {}\n", failure.what());
        return 1;
    }
}
