// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace buzon::bench {
namespace {

constexpr std::string_view kReference = "dbus-daemon";

template <typename Value>
Spread spread_over(const std::vector<Sample>& rounds, Value&& value) {
    std::vector<double> values;
    values.reserve(rounds.size());
    for (const auto& round : rounds)
        values.push_back(value(round));
    return spread_of(std::move(values));
}

Spread rate_of(const BusResult& bus) {
    return spread_over(bus.rounds, [](const Sample& round) { return round.rate(); });
}

Spread cpu_of(const BusResult& bus) {
    return spread_over(bus.rounds,
                       [](const Sample& round) { return round.cpu_us_per_operation(); });
}

double busy_of(const BusResult& bus) {
    return spread_over(bus.rounds, [](const Sample& round) { return round.busy(); }).median;
}

double latency_of(const BusResult& bus, double Sample::*which) {
    return spread_over(bus.rounds, [&](const Sample& round) { return round.*which; }).median;
}

/// About three significant digits, whatever the size.
std::string text_of(double value) {
    const int decimals = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
    return fmt::format("{:.{}f}", value, decimals);
}

std::string text_of(const Spread& spread) {
    return fmt::format("{} ({}..{})", text_of(spread.median), text_of(spread.lowest),
                       text_of(spread.highest));
}

std::string row_of(const WorkloadResult& result, const BusResult& bus) {
    if (bus.rounds.empty()) return fmt::format("  {:<12} failed: {}\n", bus.bus, bus.failure);
    const auto ratios = ratios_of(result, bus);
    const double median = latency_of(bus, &Sample::median_latency_us);
    auto row = fmt::format(
        "  {:<12} {:>24} {:>24} {:>4.0f}% {:>13} {:>22} {:>22}", bus.bus, text_of(rate_of(bus)),
        text_of(cpu_of(bus)), busy_of(bus) * 100,
        median > 0
            ? fmt::format("{:.0f} / {:.0f}", median, latency_of(bus, &Sample::slow_latency_us))
            : "-",
        ratios ? text_of(ratios->rate) : "-", ratios ? text_of(ratios->cpu) : "-");
    if (!bus.failure.empty()) row += fmt::format("  then failed: {}", bus.failure);
    return row + "\n";
}

nlohmann::ordered_json json_of(const Spread& spread) {
    return {{"median", spread.median}, {"lowest", spread.lowest}, {"highest", spread.highest}};
}

nlohmann::ordered_json json_of(const WorkloadResult& result, const BusResult& bus) {
    nlohmann::ordered_json json{
        {"workload", result.workload}, {"bus", bus.bus}, {"rounds", bus.rounds.size()}};
    if (!bus.failure.empty()) json["failure"] = bus.failure;
    if (bus.rounds.empty()) return json;
    json["operations_per_second"] = json_of(rate_of(bus));
    json["cpu_us_per_operation"] = json_of(cpu_of(bus));
    json["busy"] = busy_of(bus);
    if (const double median = latency_of(bus, &Sample::median_latency_us); median > 0) {
        json["latency_us"] = {{"median", median},
                              {"p99", latency_of(bus, &Sample::slow_latency_us)}};
    }
    if (const auto ratios = ratios_of(result, bus)) {
        json["rate_ratio"] = json_of(ratios->rate);
        json["cpu_ratio"] = json_of(ratios->cpu);
    }
    return json;
}

}  // namespace

std::optional<Ratios> ratios_of(const WorkloadResult& result, const BusResult& bus) {
    const auto reference = std::find_if(result.buses.begin(), result.buses.end(),
                                        [](const auto& each) { return each.bus == kReference; });
    if (reference == result.buses.end()) return std::nullopt;
    const auto rounds = std::min(bus.rounds.size(), reference->rounds.size());
    if (rounds == 0) return std::nullopt;
    std::vector<double> rates;
    std::vector<double> cpus;
    for (std::size_t i = 0; i < rounds; ++i) {
        const auto& mine = bus.rounds[i];
        const auto& theirs = reference->rounds[i];
        rates.push_back(mine.rate() / theirs.rate());
        cpus.push_back(mine.cpu_us_per_operation() / theirs.cpu_us_per_operation());
    }
    return Ratios{.rate = spread_of(std::move(rates)), .cpu = spread_of(std::move(cpus))};
}

bool any_failed(const std::vector<WorkloadResult>& results) {
    return std::any_of(results.begin(), results.end(), [](const auto& result) {
        return std::any_of(result.buses.begin(), result.buses.end(),
                           [](const auto& bus) { return !bus.failure.empty(); });
    });
}

std::string heading(unsigned rounds, double seconds) {
    return fmt::format("{} rounds of {} s a bus, in turn; median (lowest..highest round)\n", rounds,
                       seconds);
}

std::string table_of(const WorkloadResult& result) {
    auto text =
        fmt::format("{}: {}\n  {:<12} {:>24} {:>24} {:>5} {:>13} {:>22} {:>22}\n", result.workload,
                    result.about, "bus", "operations/s", "CPU us/operation", "busy", "us p50 / p99",
                    "rate : dbus-daemon", "CPU : dbus-daemon");
    for (const auto& bus : result.buses)
        text += row_of(result, bus);
    return text;
}

std::string table_of(const std::vector<InstructionCount>& counts) {
    std::string text = "user instructions per operation\n";
    for (const auto& count : counts) {
        const auto reference = std::find_if(counts.begin(), counts.end(), [&](const auto& each) {
            return each.workload == count.workload && each.bus == kReference;
        });
        text += fmt::format("  {:<12} {:<12} {:>12.0f}", count.workload, count.bus,
                            count.per_operation);
        if (reference != counts.end()) {
            text += fmt::format("  {:.3f} of {}", count.per_operation / reference->per_operation,
                                kReference);
        }
        text += "\n";
    }
    return text;
}

std::string json_of(const std::vector<WorkloadResult>& results) {
    auto json = nlohmann::ordered_json::array();
    for (const auto& result : results) {
        for (const auto& bus : result.buses)
            json.push_back(json_of(result, bus));
    }
    return json.dump(2);
}

std::string json_of(const std::vector<InstructionCount>& counts) {
    auto json = nlohmann::ordered_json::array();
    for (const auto& count : counts) {
        json.push_back({{"workload", count.workload},
                        {"bus", count.bus},
                        {"instructions_per_operation", count.per_operation}});
    }
    return json.dump(2);
}

}  // namespace buzon::bench
