// SPDX-License-Identifier: Apache-2.0
// buzon-flood: attacks on buzond, dbus-daemon and dbus-broker, one after the other in one run.
//
// What is measured. Eight good pairs offer a fixed load, a quarter of what the bus carries, and
// their calls fall due by the clock, so that a bus that stops for a second shows as a second of
// latency for every call of it. The baseline beside it has as many processes that burn CPU off the
// bus as the attack has active ones: the difference is the bus, not the scheduler. Others idle, or
// join each 200 ms. Everything that was accepted is looked for at its receiver.
//
// Exit status: 0, buzond meets all goals asked for; 1, it does not; 2, nothing could be measured.
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/flood/options.h"
#include "tests/flood/report.h"
#include "tests/flood/scene.h"

namespace buzon::flood {
namespace {

constexpr int kGoalMissed = 1;
constexpr int kNotMeasured = 2;
constexpr double kShareOfCapacity = 0.25;
constexpr double kShareBesideBurners = 0.5;

/// Of several tries, because others' work on the machine can only make it less.
double best_capacity_of(const load::BusProgram& bus, std::size_t burners) {
    constexpr int kTries = 4;
    double best = 0;
    for (int i = 0; i < kTries; ++i)
        best = std::max(best, capacity_of(bus, burners));
    return best;
}

/// By the name of a bus and how many processes of an attack are busy.
using Rates = std::map<std::pair<std::string, std::size_t>, double>;

/// What the good pairs offer: a quarter of what the bus carries, or half of what it carries beside
/// so many processes that burn CPU, if that is less. A baseline must be served.
double rate_beside(std::size_t active, const load::BusProgram& bus) {
    const double alone = kShareOfCapacity * best_capacity_of(bus, 0);
    if (active < 2) return alone;
    return std::min(alone, kShareBesideBurners * best_capacity_of(bus, active));
}

Rates rates_of(const Options& options) {
    Rates rates;
    for (const auto& attack : options.attacks) {
        const auto active = std::max<std::size_t>(count_active(attack), 1);
        for (const auto& bus : options.buses) {
            const auto [place, is_new] = rates.try_emplace({bus.name, active}, options.rate);
            if (!is_new) continue;
            if (place->second <= 0) place->second = rate_beside(active, bus);
            if (!options.json)
                fmt::print("{}: good pairs offer {:.0f} calls/s where {} busy\n", bus.name,
                           place->second,
                           active == 1 ? "one attacker is" : fmt::format("{} are", active));
        }
    }
    return rates;
}

/// Some attackers have thousands of connections, and so has the bus that they attack.
void allow_as_many_descriptors_as_possible() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

void warn_of_load() {
    constexpr double kQuiet = 0.5;
    double load = 0;
    if (::getloadavg(&load, 1) != 1 || load < kQuiet) return;
    fmt::print(stderr, "the machine is busy (load {:.1f}): latencies will show that\n", load);
}

/// Buses take turns within a round, so that what slows the machine for a while slows all of them.
std::vector<Outcome> play_on_all(const Attack& attack, const Options& options, const Rates& rates) {
    std::vector<std::vector<Outcome>> rounds(options.buses.size());
    for (unsigned round = 0; round < options.rounds; ++round) {
        for (std::size_t i = 0; i < options.buses.size(); ++i) {
            const auto& bus = options.buses[i];
            const double rate =
                rates.at({bus.name, std::max<std::size_t>(count_active(attack), 1)});
            rounds[i].push_back(play_scene(attack, bus, rate, options.seconds));
        }
    }
    std::vector<Outcome> outcomes;
    outcomes.reserve(rounds.size());
    for (auto& each : rounds)
        outcomes.push_back(summed_up(std::move(each)));
    return outcomes;
}

int run(int argc, char** argv) {
    const auto options = parse_options(argc, argv);
    if (options.buses.empty()) {
        fmt::print(stderr, "buzon-flood: there is no bus to attack\n");
        return kNotMeasured;
    }
    allow_as_many_descriptors_as_possible();
    warn_of_load();
    const auto rates = rates_of(options);
    if (!options.json) fmt::print("\n{}", table_heading());
    std::vector<Outcome> outcomes;
    for (const auto& attack : options.attacks) {
        for (auto& outcome : play_on_all(attack, options, rates)) {
            if (!options.json) {
                fmt::print("{}", row_of(outcome, options.goals, options.bounds));
            }
            outcomes.push_back(std::move(outcome));
        }
        std::fflush(stdout);
    }
    if (options.json) {
        fmt::print("{}\n", json_of(outcomes, options.goals, options.bounds));
    } else {
        fmt::print("\n{}", summary_of(outcomes, options.goals, options.bounds));
    }
    return all_hold(outcomes, "buzond", options.goals, options.bounds) ? 0 : kGoalMissed;
}

}  // namespace
}  // namespace buzon::flood

int main(int argc, char** argv) {
    try {
        return buzon::flood::run(argc, argv);
    } catch (const std::exception& failure) {
        fmt::print(stderr, "buzon-flood: {}\n", failure.what());
        return buzon::flood::kNotMeasured;
    }
}
