// SPDX-License-Identifier: Apache-2.0
// The measure of shares: amounts as steps of a geometric scale, and the part of its parent that the
// i-th largest account may claim. Integers only; see shares.h for what is done with it.
// Step 0 is nothing, kTopStep the whole pool, kBeyond more than the pool; eight steps are a factor
// of two.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace buzon::broker {

using Step = std::uint8_t;
inline constexpr unsigned kStepsPerOctave = 8;
inline constexpr Step kTopStep = 240;
inline constexpr Step kBeyond = 255;

/// How many steps below its parent's claim an account must stay, by its rank among its siblings:
/// `cost[k]` is for those ranked 2^k … 2^(k+1) - 1, the largest being 1.
struct Tiers {
    static constexpr std::size_t kCount = 17;
    static constexpr std::size_t kMostSharers = (std::size_t{1} << kCount) - 1;

    std::array<Step, kCount> cost;

    /// For one of `sharers` accounts, whatever its rank is among them.
    [[nodiscard]] constexpr Step cost_among(std::size_t sharers) const {
        if (sharers > kMostSharers) return kBeyond;
        return cost[std::bit_width(sharers < 1 ? 1 : sharers) - 1U];
    }
};

/// Between users, and between the principals of a user: half for the largest, a quarter in falling
/// parts for the tiers behind it, a quarter in equal parts for the same.
inline constexpr Tiers kWideTiers{
    {8, 31, 45, 59, 72, 83, 94, 103, 111, 119, 128, 136, 144, 152, 160, 168, 176}};

/// Between the connections of one principal, who are of one mind: 0.7 for the largest.
inline constexpr Tiers kNarrowTiers{
    {4, 37, 52, 65, 78, 89, 100, 109, 117, 126, 134, 142, 150, 158, 166, 174, 182}};

/// Of places for connections: between users 0.92 for the first, as most buses have one user, and
/// equal parts for the tiers of up to 255.
inline constexpr Tiers kPlacesOfUsers{
    {1, 60, 68, 76, 84, 92, 100, 108, 140, 156, 172, 188, 204, 220, 236, 252, 254}};

/// The same between programs: 0.7 for the first, and equal parts for the tiers of up to 1023. What
/// is held stays held for long, so the many need more of it than of messages, which pass.
inline constexpr Tiers kPlacesOfPrograms{
    {4, 48, 56, 64, 72, 80, 88, 96, 104, 112, 144, 160, 176, 192, 208, 224, 240}};

/// The steps of a pool with a given capacity.
class ShareScale {
public:
    explicit ShareScale(std::uint64_t capacity);

    [[nodiscard]] std::uint64_t capacity() const { return tops_[kTopStep]; }
    /// The most that one whose claim is `step` may hold; from kTopStep on the capacity.
    [[nodiscard]] std::uint64_t top_of(Step step) const {
        return tops_[step < kTopStep ? step : kTopStep];
    }
    /// The lowest step that allows `amount`.
    [[nodiscard]] Step step_of(std::uint64_t amount) const;

private:
    std::array<std::uint64_t, std::size_t{kTopStep} + 1> tops_;
};

}  // namespace buzon::broker
