// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/meter.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <system_error>

namespace buzon::bench {
namespace {

constexpr std::size_t kMaxLatencies = std::size_t{1} << 20;

double seconds_of(std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

double cpu_seconds(clockid_t clock) {
    timespec time{};
    if (::clock_gettime(clock, &time) < 0) {
        throw std::system_error(errno, std::generic_category(), "the CPU clock of the bus");
    }
    return seconds_of(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

double at_share(std::vector<float> values, double share) {
    const auto index = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1));
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(index);
    std::nth_element(values.begin(), middle, values.end());
    return static_cast<double>(*middle);
}

}  // namespace

Meter::Meter(const Plan& plan, clockid_t bus_cpu)
    : plan_(plan), bus_cpu_(bus_cpu), created_(Clock::now()), last_(created_) {
    latencies_us_.reserve(kMaxLatencies);
    if (plan_.operations > 0) begin(0);
}

void Meter::begin(std::uint64_t operations) {
    operations_at_begin_ = operations;
    cpu_at_begin_ = cpu_seconds(bus_cpu_);
    begun_ = Clock::now();
    measuring_ = true;
}

bool Meter::go_on(std::uint64_t operations) {
    last_ = Clock::now();
    if (!measuring_) {
        if (last_ - created_ >= plan_.warm_up) begin(operations);
        return true;
    }
    const bool enough =
        plan_.operations > 0 ? operations >= plan_.operations : last_ - begun_ >= plan_.duration;
    if (!enough) return true;
    sample_.operations = static_cast<double>(operations - operations_at_begin_);
    sample_.seconds = seconds_of(last_ - begun_);
    sample_.cpu_seconds = cpu_seconds(bus_cpu_) - cpu_at_begin_;
    return false;
}

bool Meter::go_on_in_lock_step(std::uint64_t operations) {
    const auto before = last_;
    const bool more = go_on(operations);
    record_latency(last_ - before);
    return more;
}

void Meter::record_latency(Clock::duration latency) {
    if (!measuring_ || latencies_us_.size() == kMaxLatencies) return;
    latencies_us_.push_back(std::chrono::duration<float, std::micro>(latency).count());
}

Sample Meter::finish() const {
    Sample sample = sample_;
    if (latencies_us_.empty()) return sample;
    sample.median_latency_us = at_share(latencies_us_, 0.5);
    sample.slow_latency_us = at_share(latencies_us_, 0.99);
    return sample;
}

Spread spread_of(std::vector<double> values) {
    assert(!values.empty());
    std::sort(values.begin(), values.end());
    const auto half = values.size() / 2;
    const double median =
        values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
    return {.median = median, .lowest = values.front(), .highest = values.back()};
}

}  // namespace buzon::bench
