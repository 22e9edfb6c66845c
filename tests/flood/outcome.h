// SPDX-License-Identifier: Apache-2.0
// What one attack did to one bus, and which of our goals that meets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace buzon::flood {

/// The good pairs in one phase.
struct Service {
    double offered = 0;        // calls a second
    double served_share = 0;   // of those that were due, answered within a second
    std::uint64_t p99_us = 0;  // Histogram::kNever: more than 1 % were never answered
};

struct Harm {
    std::size_t refused = 0;
    std::size_t stuck = 0;
    std::size_t disconnected = 0;
    std::size_t newcomers = 0;  // not let in within a second

    [[nodiscard]] std::size_t peers() const { return refused + stuck + disconnected + newcomers; }
};

struct Lost {
    std::uint64_t calls = 0;     // of the good pairs
    std::uint64_t signals = 0;   // for the listeners
    std::uint64_t accepted = 0;  // of the flooder itself

    [[nodiscard]] std::uint64_t all() const { return calls + signals + accepted; }
};

struct Outcome {
    std::string attack;
    std::string bus;
    std::string failure;          // not empty: the attack could not be played
    bool died = false;            // the bus ended by itself
    bool killed = false;          // we ended it, because it grew too much
    std::size_t peak_growth = 0;  // bytes
    std::size_t growth_after = 0;
    std::size_t peak_descriptors = 0;  // open in the bus when the attack ends
    Service baseline;
    Service attacked;
    Harm harm;
    std::string refusal;  // the first error that a good pair got, if any did
    Lost lost;
    std::optional<double> recovery_seconds;  // absent: not while we waited
    double cpu_after = 0;                    // share of a CPU, when all is over
    double newcomer_slowest_seconds = 0;
    std::size_t attackers_disconnected = 0;
    std::uint64_t attack_messages = 0;  // that the flooder on record sent
};

enum class Goal : std::uint8_t { Memory, Rate, Latency, Innocents, Silent, Recovery, Idle };
inline constexpr std::array kAllGoals{Goal::Memory, Goal::Rate,     Goal::Latency, Goal::Innocents,
                                      Goal::Silent, Goal::Recovery, Goal::Idle};

struct Bounds {
    std::size_t memory_bytes = std::size_t{256} << 20;
    double served_share = 0.9;
    double latency_factor = 3;
    double recovery_seconds = 1;
    double cpu_after = 0.05;
    /// A baseline slower than this, or served less than served_share, says nothing about the bus.
    std::uint64_t slowest_baseline_us = 100'000;
};

/// Of one attack on one bus, played several times: rates and latencies are medians of theirs,
/// everything else is the worst.
[[nodiscard]] Outcome summed_up(std::vector<Outcome> rounds);

[[nodiscard]] std::string_view name_of(Goal goal);
[[nodiscard]] std::optional<Goal> goal_named(std::string_view name);

/// NotMeasured: the baseline, without the attack, was no better; other work on the machine, or as
/// many processes as the attack has, have left too little CPU.
enum class Standing : std::uint8_t { Met, Missed, NotMeasured };
[[nodiscard]] Standing standing_of(Goal goal, const Outcome& outcome, const Bounds& bounds);
/// Those of `goals` that stand so.
[[nodiscard]] std::vector<Goal> standing(Standing wanted,
                                         const std::vector<Goal>& goals,
                                         const Outcome& outcome,
                                         const Bounds& bounds);

}  // namespace buzon::flood
