// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/share_scale.h"

#include <algorithm>

namespace buzon::broker {
namespace {

__extension__ using Wide = unsigned __int128;

/// 2^32 times 2^(-j/8), rounded down.
constexpr std::array<std::uint64_t, kStepsPerOctave> kMantissas = {
    4294967296, 3938502375, 3611622602, 3311872529, 3037000499, 2784941737, 2553802833, 2341847523};

constexpr bool are_eighth_roots() {
    for (std::size_t i = 1; i < kMantissas.size(); ++i) {
        // Between the i-th power of the eighth root and the next number up.
        Wide low = Wide{1} << 32;
        Wide high = low;
        for (std::size_t j = 0; j < i; ++j) {
            low = low * kMantissas[1] >> 32;
            high = (high * (kMantissas[1] + 1) >> 32) + 1;
        }
        if (kMantissas[i] < low || kMantissas[i] > high) return false;
    }
    return kMantissas[4] * kMantissas[4] < (std::uint64_t{1} << 63) &&
           (kMantissas[4] + 1) * (kMantissas[4] + 1) > (std::uint64_t{1} << 63);
}
static_assert(are_eighth_roots());

/// All ranks together stay below their parent's claim: the sum of 2^k 2^(-cost/8) is below 1, by
/// more than the mantissas are rounded.
constexpr bool fit_together(const Tiers& tiers) {
    constexpr unsigned kFraction = 62;
    std::uint64_t sum = 0;
    for (std::size_t k = 0; k < tiers.cost.size(); ++k) {
        const unsigned cost = tiers.cost[k];
        const std::uint64_t mantissa = kMantissas[cost % kStepsPerOctave] + 1;
        sum += ((mantissa << (kFraction - 32)) >> (cost / kStepsPerOctave) << k) + (1U << k);
    }
    constexpr std::uint64_t kOne = std::uint64_t{1} << kFraction;
    return sum <= kOne - (kOne >> 20);
}
static_assert(fit_together(kWideTiers));
static_assert(fit_together(kNarrowTiers));
static_assert(fit_together(kPlacesOfUsers));
static_assert(fit_together(kPlacesOfPrograms));

}  // namespace

ShareScale::ShareScale(std::uint64_t capacity) {
    tops_[0] = 0;
    for (unsigned step = 1; step <= kTopStep; ++step) {
        const unsigned below = kTopStep - step;
        const Wide part = Wide{capacity} * kMantissas[below % kStepsPerOctave] >> 32;
        tops_[step] = static_cast<std::uint64_t>(part >> (below / kStepsPerOctave));
    }
}

Step ShareScale::step_of(std::uint64_t amount) const {
    if (amount > capacity()) return kBeyond;
    const auto* const step = std::lower_bound(tops_.begin(), tops_.end(), amount);
    return static_cast<Step>(step - tops_.begin());
}

}  // namespace buzon::broker
