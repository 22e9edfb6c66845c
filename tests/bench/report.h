// SPDX-License-Identifier: Apache-2.0
// Samples of all rounds in, a table for people or JSON for programs out.
// A ratio is taken within each round, against dbus-daemon in the same round, and then summed up,
// so that what slows the whole machine for a while does not change it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/instructions.h"
#include "tests/bench/meter.h"
#include "tests/bench/workloads.h"

namespace buzon::bench {

/// What one bus did under one workload. Round n of every bus was measured next to the others'.
struct BusResult {
    std::string bus;
    std::vector<Sample> rounds;
    std::string failure;  // not empty: why there are no (more) rounds
};

struct WorkloadResult {
    std::string_view workload;
    std::string_view about;
    std::vector<BusResult> buses;
};

/// Of a bus against the one named `dbus-daemon`; empty where either has no rounds.
struct Ratios {
    Spread rate;
    Spread cpu;
};
[[nodiscard]] std::optional<Ratios> ratios_of(const WorkloadResult& result, const BusResult& bus);

[[nodiscard]] bool any_failed(const std::vector<WorkloadResult>& results);

[[nodiscard]] std::string heading(unsigned rounds, double seconds);
[[nodiscard]] std::string table_of(const WorkloadResult& result);
[[nodiscard]] std::string table_of(const std::vector<InstructionCount>& counts);
[[nodiscard]] std::string json_of(const std::vector<WorkloadResult>& results);
[[nodiscard]] std::string json_of(const std::vector<InstructionCount>& counts);

}  // namespace buzon::bench
