// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/flood/histogram.h"

namespace buzon::flood {
namespace {

constexpr std::string_view kRow = "{:<26} {:<11} {:>9} {:>6} {:>15} {:>10} {:>8} {:>8} {:>5}  {}\n";
constexpr double kMiB = 1024.0 * 1024.0;
constexpr double kUsPerMs = 1000;

std::string percent(double share) {
    // Rounded down: 100 % is all of it.
    return fmt::format("{:.0f}%", std::floor(share * 100));
}

std::string memory_of(const Outcome& outcome) {
    const auto mib = static_cast<double>(outcome.peak_growth) / kMiB;
    return fmt::format("{}{:.1f}", outcome.killed ? ">" : "", mib);
}

std::string latency_of(const Outcome& outcome) {
    if (outcome.attacked.p99_us == Histogram::kNever) return "never";
    const auto ms = static_cast<double>(outcome.attacked.p99_us) / kUsPerMs;
    if (outcome.baseline.p99_us == 0 || outcome.baseline.p99_us == Histogram::kNever) {
        return fmt::format("{:.1f}", ms);
    }
    const auto factor =
        static_cast<double>(outcome.attacked.p99_us) / static_cast<double>(outcome.baseline.p99_us);
    return fmt::format("{:.1f} ({:.1f}x)", ms, factor);
}

std::string harm_of(const Harm& harm) {
    if (harm.peers() == 0) return "0";
    std::string text;
    const auto add = [&](std::size_t count, char letter) {
        if (count > 0) text += fmt::format("{}{}{}", text.empty() ? "" : " ", count, letter);
    };
    add(harm.disconnected, 'd');
    add(harm.refused, 'r');
    add(harm.stuck, 's');
    add(harm.newcomers, 'n');
    return text;
}

std::string recovery_of(const Outcome& outcome) {
    return outcome.recovery_seconds ? fmt::format("{:.2f} s", *outcome.recovery_seconds) : "never";
}

std::vector<std::string> names_of(const std::vector<Goal>& goals) {
    std::vector<std::string> names;
    names.reserve(goals.size());
    for (const auto goal : goals)
        names.emplace_back(name_of(goal));
    return names;
}

std::string verdict_of(const Outcome& outcome,
                       const std::vector<Goal>& goals,
                       const Bounds& bounds) {
    if (outcome.killed) return "ended by us: too much memory";
    if (outcome.died) return "the bus died";
    const auto misses = names_of(standing(Standing::Missed, goals, outcome, bounds));
    const auto unknown = names_of(standing(Standing::NotMeasured, goals, outcome, bounds));
    std::vector<std::string> parts;
    if (!misses.empty()) parts.push_back(fmt::format("misses {}", fmt::join(misses, ", ")));
    if (!unknown.empty()) parts.push_back(fmt::format("{} not measured", fmt::join(unknown, ", ")));
    return parts.empty() ? "ok" : fmt::format("{}", fmt::join(parts, "; "));
}

nlohmann::ordered_json json_of(const Service& service) {
    nlohmann::ordered_json json{{"offered_per_second", service.offered},
                                {"served_share", service.served_share},
                                {"p99_us", nullptr}};
    if (service.p99_us != Histogram::kNever) json["p99_us"] = service.p99_us;
    return json;
}

nlohmann::ordered_json json_of(const Outcome& outcome,
                               const std::vector<Goal>& goals,
                               const Bounds& bounds) {
    nlohmann::ordered_json json{{"attack", outcome.attack}, {"bus", outcome.bus}};
    json["missed_goals"] = names_of(standing(Standing::Missed, goals, outcome, bounds));
    json["goals_not_measured"] = names_of(standing(Standing::NotMeasured, goals, outcome, bounds));
    if (!outcome.failure.empty()) json["failure"] = outcome.failure;
    json["died"] = outcome.died;
    json["ended_for_its_memory"] = outcome.killed;
    json["peak_bytes"] = outcome.peak_growth;
    json["bytes_afterwards"] = outcome.growth_after;
    json["descriptors"] = outcome.peak_descriptors;
    json["baseline"] = json_of(outcome.baseline);
    json["attacked"] = json_of(outcome.attacked);
    json["innocents"] = {{"disconnected", outcome.harm.disconnected},
                         {"refused", outcome.harm.refused},
                         {"stuck", outcome.harm.stuck},
                         {"newcomers_refused", outcome.harm.newcomers}};
    if (!outcome.refusal.empty()) json["first_refusal"] = outcome.refusal;
    json["lost"] = {{"calls", outcome.lost.calls},
                    {"signals", outcome.lost.signals},
                    {"accepted", outcome.lost.accepted}};
    json["recovery_seconds"] = nullptr;
    if (outcome.recovery_seconds) json["recovery_seconds"] = *outcome.recovery_seconds;
    json["cpu_afterwards"] = outcome.cpu_after;
    json["newcomer_slowest_seconds"] = outcome.newcomer_slowest_seconds;
    json["attackers_disconnected"] = outcome.attackers_disconnected;
    json["attack_messages"] = outcome.attack_messages;
    return json;
}

std::string summary_of(const std::string& bus,
                       const std::vector<Outcome>& outcomes,
                       const std::vector<Goal>& goals,
                       const Bounds& bounds) {
    std::size_t total = 0;
    std::size_t good = 0;
    std::map<Goal, std::size_t> not_measured;
    for (const auto& outcome : outcomes) {
        if (outcome.bus != bus) continue;
        ++total;
        if (standing(Standing::Met, goals, outcome, bounds) == goals) ++good;
        for (const auto goal : standing(Standing::NotMeasured, goals, outcome, bounds))
            ++not_measured[goal];
    }
    auto text = fmt::format("{} meets all goals under {} of {} attacks", bus, good, total);
    for (const auto& [goal, count] : not_measured)
        text += fmt::format(", {} not measured under {}", name_of(goal), count);
    return text + "\n";
}

}  // namespace

std::string table_heading() {
    return fmt::format(kRow, "attack", "bus", "peak MiB", "served", "p99 ms (base)", "innocents",
                       "lost", "recovers", "CPU", "verdict");
}

std::string row_of(const Outcome& outcome, const std::vector<Goal>& goals, const Bounds& bounds) {
    if (!outcome.failure.empty()) {
        return fmt::format("{:<26} {:<11} failed: {}\n", outcome.attack, outcome.bus,
                           outcome.failure);
    }
    auto row = fmt::format(kRow, outcome.attack, outcome.bus, memory_of(outcome),
                           percent(outcome.attacked.served_share), latency_of(outcome),
                           harm_of(outcome.harm), outcome.lost.all(), recovery_of(outcome),
                           percent(outcome.cpu_after), verdict_of(outcome, goals, bounds));
    if (!outcome.refusal.empty()) row += fmt::format("    a good pair got: {}\n", outcome.refusal);
    return row;
}

std::string json_of(const std::vector<Outcome>& outcomes,
                    const std::vector<Goal>& goals,
                    const Bounds& bounds) {
    auto json = nlohmann::ordered_json::array();
    for (const auto& outcome : outcomes)
        json.push_back(json_of(outcome, goals, bounds));
    return json.dump(2);
}

std::string summary_of(const std::vector<Outcome>& outcomes,
                       const std::vector<Goal>& goals,
                       const Bounds& bounds) {
    std::vector<std::string> buses;
    for (const auto& outcome : outcomes) {
        if (std::find(buses.begin(), buses.end(), outcome.bus) == buses.end()) {
            buses.push_back(outcome.bus);
        }
    }
    std::string text;
    for (const auto& bus : buses)
        text += summary_of(bus, outcomes, goals, bounds);
    return text;
}

bool all_hold(const std::vector<Outcome>& outcomes,
              const std::string& bus,
              const std::vector<Goal>& goals,
              const Bounds& bounds) {
    return std::all_of(outcomes.begin(), outcomes.end(), [&](const Outcome& outcome) {
        return outcome.bus != bus || standing(Standing::Missed, goals, outcome, bounds).empty();
    });
}

}  // namespace buzon::flood
