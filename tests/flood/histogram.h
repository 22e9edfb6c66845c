// SPDX-License-Identifier: Apache-2.0
// Counts of latencies, 16 steps to each doubling, so that a percentile is right within 5 %.
// Lies in memory that processes share: one of them writes, others read.
// Units: microseconds. What never ended is recorded as kNever and lies above all others.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace buzon::flood {

class Histogram {
public:
    static constexpr std::uint64_t kNever = ~std::uint64_t{0};

    void record(std::uint64_t microseconds);
    [[nodiscard]] std::uint64_t count() const;
    /// The latency that `share` (0 to 1) of all stay below or reach; 0 if there are none, kNever if
    /// it lies among those that never ended.
    [[nodiscard]] std::uint64_t at_share(double share) const;

private:
    static constexpr unsigned kStepBits = 4;
    static constexpr std::size_t kSteps = std::size_t{1} << kStepBits;
    static constexpr std::size_t kDoublings = 28;  // up to four minutes
    static constexpr std::size_t kBuckets = kSteps * kDoublings + 1;

    static std::size_t bucket_of(std::uint64_t microseconds);
    static std::uint64_t upper_end_of(std::size_t bucket);

    std::array<std::atomic<std::uint32_t>, kBuckets> counts_{};
};

}  // namespace buzon::flood
