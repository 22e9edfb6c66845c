// SPDX-License-Identifier: Apache-2.0
// Counts operations against the wall clock and against the CPU clock of the bus.
// The time of a sample starts after a warm-up; operations are counted only inside it.
// Units: seconds in samples, microseconds where a name says so.
#pragma once

#include <time.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace buzon::bench {

/// How long a sample runs: a time after a warm-up, or exactly so many operations and no warm-up.
struct Plan {
    std::chrono::nanoseconds warm_up{};
    std::chrono::nanoseconds duration{};
    std::uint64_t operations = 0;
};

struct Sample {
    double operations = 0;
    double seconds = 0;
    double cpu_seconds = 0;
    // 0 where latency was not measured.
    double median_latency_us = 0;
    double slow_latency_us = 0;  // 99 of 100 are faster

    [[nodiscard]] double rate() const { return operations / seconds; }
    [[nodiscard]] double cpu_us_per_operation() const { return cpu_seconds * 1e6 / operations; }
    /// The share of the time that the bus was on a CPU.
    [[nodiscard]] double busy() const { return cpu_seconds / seconds; }
};

class Meter {
public:
    using Clock = std::chrono::steady_clock;

    Meter(const Plan& plan, clockid_t bus_cpu);

    /// Tells the meter of `operations` done since the start, warm-up included; false: enough.
    [[nodiscard]] bool go_on(std::uint64_t operations);
    /// As go_on(), for peers in lock-step: one operation took the time since the last call.
    [[nodiscard]] bool go_on_in_lock_step(std::uint64_t operations);
    void record_latency(Clock::duration latency);
    [[nodiscard]] Sample finish() const;

private:
    void begin(std::uint64_t operations);

    Plan plan_;
    clockid_t bus_cpu_;
    Clock::time_point created_;
    Clock::time_point last_;
    Clock::time_point begun_{};
    std::uint64_t operations_at_begin_ = 0;
    double cpu_at_begin_ = 0;
    bool measuring_ = false;
    Sample sample_;
    std::vector<float> latencies_us_;
};

struct Spread {
    double median = 0;
    double lowest = 0;
    double highest = 0;
};

/// Of at least one value; the median of an even number is the mean of the two in the middle.
[[nodiscard]] Spread spread_of(std::vector<double> values);

}  // namespace buzon::bench
