// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/load/known_buses.h"

namespace buzon::bench {
namespace {

using Names = std::vector<std::string>;

bool is_chosen(const Names& names, std::string_view name) {
    return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<load::BusProgram> find_buses(std::vector<load::BusProgram> known,
                                         const Names& names,
                                         unsigned rules) {
    for (auto& bus : known)
        bus.rules = rules;
    auto found = load::runnable(known, names);
    std::erase_if(found, [](const auto& bus) {
        const bool cannot = bus.rules > 0 && bus.kind == load::BusKind::DbusBroker;
        if (cannot) fmt::print(stderr, "{} is left out: its policy is not from a file\n", bus.name);
        return cannot;
    });
    return found;
}

void declare_measuring(CLI::App& app, Options& options) {
    app.add_option("--rounds", options.rounds, "Samples of each bus under each workload")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    app.add_option("--seconds", options.seconds, "Length of one sample")
        ->check(CLI::Range(0.01, 3600.0))
        ->capture_default_str();
    app.add_flag("--instructions", options.instructions,
                 "Count instructions under valgrind instead of measuring time");
    app.add_option("--operations", options.operations, "How many, when instructions are counted")
        ->check(CLI::Range(10, 1000000))
        ->capture_default_str();
    app.add_flag("--json", options.json, "Print JSON");
}

}  // namespace

Options parse_options(int argc, const char* const* argv) {
    auto known = load::known_buses();
    Options options;
    CLI::App app{"Puts the same load on buzond, dbus-daemon and dbus-broker and compares them."};
    Names bus_names;
    for (auto& bus : known) {
        bus_names.push_back(bus.name);
        app.add_option("--" + bus.name, bus.path, "The program to run")->capture_default_str();
    }
    Names workload_names;
    for (const auto& workload : all_workloads())
        workload_names.emplace_back(workload.name);

    Names chosen_buses;
    app.add_option("--bus", chosen_buses, "Only this bus; may be repeated")
        ->check(CLI::IsMember(bus_names));
    Names chosen_workloads;
    app.add_option("--workload", chosen_workloads, "Only this workload; may be repeated")
        ->check(CLI::IsMember(workload_names));
    unsigned rules = 0;
    app.add_option("--rules", rules, "Policy rules that concern no message, for all buses")
        ->check(CLI::Range(0, 100000));
    declare_measuring(app, options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        std::exit(app.exit(error));
    }

    options.buses = find_buses(known, chosen_buses, rules);
    for (const auto& workload : all_workloads()) {
        if (is_chosen(chosen_workloads, workload.name)) options.workloads.push_back(workload);
    }
    return options;
}

Plan plan_of(const Options& options, const Workload& workload) {
    // A thousand operations a second are few.
    const double factor = workload.kind == Workload::Kind::PacedCalls ? 2 : 1;
    const auto duration = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(factor * options.seconds));
    return {.warm_up = duration / 10, .duration = duration};
}

}  // namespace buzon::bench
