// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/outcome.h"

#include <algorithm>
#include <iterator>

#include "tests/flood/histogram.h"

namespace buzon::flood {
namespace {

bool is_served(const Service& service, const Bounds& bounds) {
    return service.served_share >= bounds.served_share;
}

/// Something may be compared with it.
bool is_usable(const Service& baseline, const Bounds& bounds) {
    return is_served(baseline, bounds) && baseline.p99_us <= bounds.slowest_baseline_us;
}

bool is_quick_enough(const Outcome& outcome, double factor) {
    if (outcome.attacked.p99_us == Histogram::kNever) return false;
    return static_cast<double>(outcome.attacked.p99_us) <=
           factor * static_cast<double>(outcome.baseline.p99_us);
}

bool holds(Goal goal, const Outcome& outcome, const Bounds& bounds) {
    switch (goal) {
        case Goal::Memory: return outcome.peak_growth <= bounds.memory_bytes;
        case Goal::Rate: return is_served(outcome.attacked, bounds);
        case Goal::Latency: return is_quick_enough(outcome, bounds.latency_factor);
        case Goal::Innocents: return outcome.harm.peers() == 0;
        case Goal::Silent: return outcome.lost.all() == 0;
        case Goal::Recovery:
            return outcome.recovery_seconds && *outcome.recovery_seconds <= bounds.recovery_seconds;
        case Goal::Idle: return outcome.cpu_after <= bounds.cpu_after;
    }
    return false;
}

template <typename Value>
auto median_of(const std::vector<Outcome>& rounds, Value&& value) {
    std::vector<decltype(value(rounds.front()))> values;
    std::transform(rounds.begin(), rounds.end(), std::back_inserter(values), value);
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

Service median_of(const std::vector<Outcome>& rounds, Service Outcome::*which) {
    return {.offered = median_of(rounds, [&](const auto& each) { return (each.*which).offered; }),
            .served_share =
                median_of(rounds, [&](const auto& each) { return (each.*which).served_share; }),
            .p99_us = median_of(rounds, [&](const auto& each) { return (each.*which).p99_us; })};
}

/// Makes `worst` as bad as `other` where that is worse.
void worsen(Outcome& worst, const Outcome& other) {
    const auto raise = [](auto& mine, const auto& theirs) { mine = std::max(mine, theirs); };
    if (worst.failure.empty()) worst.failure = other.failure;
    raise(worst.died, other.died);
    raise(worst.killed, other.killed);
    raise(worst.peak_growth, other.peak_growth);
    raise(worst.growth_after, other.growth_after);
    raise(worst.peak_descriptors, other.peak_descriptors);
    if (worst.refusal.empty()) worst.refusal = other.refusal;
    raise(worst.harm.refused, other.harm.refused);
    raise(worst.harm.stuck, other.harm.stuck);
    raise(worst.harm.disconnected, other.harm.disconnected);
    raise(worst.harm.newcomers, other.harm.newcomers);
    raise(worst.lost.calls, other.lost.calls);
    raise(worst.lost.signals, other.lost.signals);
    raise(worst.lost.accepted, other.lost.accepted);
    if (!other.recovery_seconds) worst.recovery_seconds.reset();
    if (worst.recovery_seconds) raise(*worst.recovery_seconds, *other.recovery_seconds);
    raise(worst.cpu_after, other.cpu_after);
    raise(worst.newcomer_slowest_seconds, other.newcomer_slowest_seconds);
    raise(worst.attackers_disconnected, other.attackers_disconnected);
    raise(worst.attack_messages, other.attack_messages);
}

}  // namespace

Outcome summed_up(std::vector<Outcome> rounds) {
    auto result = rounds.front();
    for (const auto& each : rounds)
        worsen(result, each);
    result.baseline = median_of(rounds, &Outcome::baseline);
    result.attacked = median_of(rounds, &Outcome::attacked);
    return result;
}

std::string_view name_of(Goal goal) {
    switch (goal) {
        case Goal::Memory: return "memory";
        case Goal::Rate: return "rate";
        case Goal::Latency: return "latency";
        case Goal::Innocents: return "innocents";
        case Goal::Silent: return "silent";
        case Goal::Recovery: return "recovery";
        case Goal::Idle: return "idle";
    }
    return "";
}

std::optional<Goal> goal_named(std::string_view name) {
    const auto* const found = std::find_if(kAllGoals.begin(), kAllGoals.end(),
                                           [&](Goal goal) { return name_of(goal) == name; });
    if (found == kAllGoals.end()) return std::nullopt;
    return *found;
}

Standing standing_of(Goal goal, const Outcome& outcome, const Bounds& bounds) {
    if (!outcome.failure.empty() || outcome.died || outcome.killed) return Standing::Missed;
    if (goal == Goal::Latency && !is_usable(outcome.baseline, bounds)) return Standing::NotMeasured;
    if (holds(goal, outcome, bounds)) return Standing::Met;
    const bool is_rate = goal == Goal::Rate;
    return is_rate && !is_served(outcome.baseline, bounds) ? Standing::NotMeasured
                                                           : Standing::Missed;
}

std::vector<Goal> standing(Standing wanted,
                           const std::vector<Goal>& goals,
                           const Outcome& outcome,
                           const Bounds& bounds) {
    std::vector<Goal> result;
    std::copy_if(goals.begin(), goals.end(), std::back_inserter(result),
                 [&](Goal goal) { return standing_of(goal, outcome, bounds) == wanted; });
    return result;
}

}  // namespace buzon::flood
