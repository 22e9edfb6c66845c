// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace buzon::flood {

void Histogram::record(std::uint64_t microseconds) {
    counts_[bucket_of(microseconds)].fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t Histogram::count() const {
    std::uint64_t total = 0;
    for (const auto& each : counts_)
        total += each.load(std::memory_order_relaxed);
    return total;
}

std::uint64_t Histogram::at_share(double share) const {
    const auto total = count();
    if (total == 0) return 0;
    const auto wanted = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total))));
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
        seen += counts_[bucket].load(std::memory_order_relaxed);
        if (seen >= wanted) return upper_end_of(bucket);
    }
    return kNever;
}

// The first two doublings' worth of values have a bucket each; from then on the highest set bit
// says which doubling, and the four bits behind it which step.
std::size_t Histogram::bucket_of(std::uint64_t microseconds) {
    if (microseconds < kSteps) return static_cast<std::size_t>(microseconds);
    const auto doubling = static_cast<unsigned>(std::bit_width(microseconds)) - kStepBits - 1;
    const auto step = (microseconds >> doubling) - kSteps;
    return std::min<std::size_t>((doubling + 1) * kSteps + step, kBuckets - 1);
}

std::uint64_t Histogram::upper_end_of(std::size_t bucket) {
    if (bucket == kBuckets - 1) return kNever;
    if (bucket < kSteps) return bucket;
    const auto doubling = bucket / kSteps - 1;
    return ((kSteps + bucket % kSteps + 1) << doubling) - 1;
}

}  // namespace buzon::flood
