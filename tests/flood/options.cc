// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "tests/load/known_buses.h"

namespace buzon::flood {
namespace {

using Names = std::vector<std::string>;

constexpr double kLongestAttack = 15;

bool is_chosen(const Names& names, std::string_view name) {
    return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<Goal> goals_of(const Names& names) {
    std::vector<Goal> goals;
    for (const auto goal : kAllGoals) {
        if (is_chosen(names, name_of(goal))) goals.push_back(goal);
    }
    return goals;
}

/// "max_outgoing_bytes=1000000"
std::pair<std::string, std::uint64_t> limit_of(const std::string& text) {
    const auto equals = std::min(text.find('='), text.size());
    const auto digits = std::string_view(text).substr(std::min(equals + 1, text.size()));
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size()) {
        throw CLI::ValidationError("--limit", "give NAME=NUMBER, not " + text);
    }
    return {text.substr(0, equals), value};
}

void list_attacks() {
    for (const auto& attack : all_attacks())
        fmt::print("{:<26} {}\n", attack.name, attack.about);
}

Names all_attack_names() {
    Names names;
    for (const auto& attack : all_attacks())
        names.emplace_back(attack.name);
    return names;
}

Names all_goal_names() {
    Names names;
    for (const auto goal : kAllGoals)
        names.emplace_back(name_of(goal));
    return names;
}

/// What is given as text and becomes something else.
struct Texts {
    Names buses, attacks, goals, limits;
    std::size_t bound_mib = Bounds{}.memory_bytes >> 20;
    bool list = false;
};

void declare(CLI::App& app, Options& options, Texts& texts) {
    app.add_option("--attack", texts.attacks, "Only this attack; may be repeated")
        ->delimiter(',')
        ->check(CLI::IsMember(all_attack_names()));
    app.add_option("--goals", texts.goals, "Judge by these goals only, separated by commas")
        ->delimiter(',')
        ->check(CLI::IsMember(all_goal_names()));
    app.add_option("--seconds", options.seconds, "How long each attack lasts; some, 6 s at least")
        ->check(CLI::Range(0.1, kLongestAttack))
        ->capture_default_str();
    app.add_option("--rounds", options.rounds,
                   "Plays each attack so often: medians of latencies, the worst of all else")
        ->check(CLI::Range(1, 100))
        ->capture_default_str();
    app.add_option("--rate", options.rate,
                   "Calls a second of the good pairs together; default: a quarter of what the bus "
                   "carries")
        ->check(CLI::Range(100.0, 1e6));
    app.add_option("--bound", texts.bound_mib, "MiB by which a bus may grow")
        ->check(CLI::Range(1, 2048))
        ->capture_default_str();
    app.add_option("--limit", texts.limits,
                   "NAME=NUMBER: a <limit> for buses that read a configuration; may be repeated");
    app.add_flag("--json", options.json, "Print JSON");
    app.add_flag("--list", texts.list, "List the attacks and end");
}

}  // namespace

Options parse_options(int argc, const char* const* argv) {
    Options options;
    Texts texts;
    auto known = load::known_buses();
    CLI::App app{"Attacks buzond, dbus-daemon and dbus-broker and shows what they make of it."};
    Names bus_names;
    for (auto& bus : known) {
        bus_names.push_back(bus.name);
        app.add_option("--" + bus.name, bus.path, "The program to run")->capture_default_str();
    }
    app.add_option("--bus", texts.buses, "Only this bus; may be repeated")
        ->delimiter(',')
        ->check(CLI::IsMember(bus_names));
    declare(app, options, texts);
    try {
        app.parse(argc, argv);
        for (auto& bus : known) {
            for (const auto& text : texts.limits)
                bus.limits.push_back(limit_of(text));
        }
    } catch (const CLI::ParseError& error) {
        // 1 means that a goal is missed.
        constexpr int kUsage = 2;
        std::exit(app.exit(error) == 0 ? 0 : kUsage);
    }
    if (texts.list) {
        list_attacks();
        std::exit(0);
    }

    options.buses = load::runnable(known, texts.buses);
    for (const auto& attack : all_attacks()) {
        if (!is_chosen(texts.attacks, attack.name)) continue;
        if (can_be_played(attack)) {
            options.attacks.push_back(attack);
        } else {
            fmt::print(stderr, "{} is left out: it needs root\n", attack.name);
        }
    }
    options.goals = goals_of(texts.goals);
    options.bounds.memory_bytes = texts.bound_mib << 20;
    return options;
}

}  // namespace buzon::flood
