// SPDX-License-Identifier: Apache-2.0
// What is done to a bus: a table of workloads, and the loops that do them.
// An operation is a call and its reply, or one signal that all its subscribers have received.
// Errors: exceptions that say what the bus did; an error reply to the load counts as one.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "tests/bench/meter.h"
#include "tests/load/bus_process.h"

namespace buzon::bench {

struct Workload {
    enum class Kind { Calls, DriverCalls, PacedCalls, FanOut };

    std::string_view name;
    std::string_view about;
    Kind kind = Kind::Calls;
    std::size_t peers = 1;  // pairs of caller and callee, or subscribers
    std::size_t in_flight = 1;
    std::size_t body_bytes = 0;  // 0: one short string
    bool with_descriptor = false;
};

[[nodiscard]] std::span<const Workload> all_workloads();

/// Runs `workload` once on a bus that nobody else uses.
[[nodiscard]] Sample run_workload(const Workload& workload,
                                  const load::RunningBus& bus,
                                  const Plan& plan);

}  // namespace buzon::bench
