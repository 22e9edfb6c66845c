// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/bus_metrics.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "broker/metrics/account_metrics.h"
#include "broker/metrics/largest_accounts.h"

namespace buzon::broker {

namespace {

using Type = OpenMetricsWriter::Type;

struct Row {
    std::string_view name, help;
    std::uint64_t value;
};

}  // namespace

class BusMetrics::Report final : public MetricsReport {
public:
    explicit Report(const BusMetrics& metrics) : metrics_(metrics) {}

    bool advance() override {
        const BusState& state = metrics_.broker_.state();
        if (!largest_.advance(state.accounts, state.peers)) return false;
        // Their names are shown when they are known, which may be the next time.
        for (const AccountFigures& program : largest_.programs())
            if (program.process) state.denials->expect(program.process);
        return true;
    }
    [[nodiscard]] std::string text() const override {
        OpenMetricsWriter out;
        out.begin({"buzon_build", Type::Info, "What this is."});
        out.add(std::uint64_t{1}, {{"version", BUZON_VERSION}});
        metrics_.write_events(out);
        metrics_.write_present(out);
        metrics_.write_peaks(out);
        write_bus_account(out, metrics_.broker_.state().accounts.bus());
        write_largest_accounts(out, largest_);
        metrics_.write_turns(out);
        metrics_.process_.write(out);
        return std::move(out).finish();
    }

private:
    const BusMetrics& metrics_;
    LargestAccounts largest_;
};

std::unique_ptr<MetricsReport> BusMetrics::begin_report() const {
    return std::make_unique<Report>(*this);
}

void BusMetrics::write_events(OpenMetricsWriter& out) const {
    const EventCounts& counts = broker_.state().counts;
    const ThrottleCounts& throttle = broker_.throttle().counts();
    const Row rows[] = {
        {"buzon_messages", "Messages read from connections, whole and valid.", counts.messages},
        {"buzon_driver_messages", "Messages that the bus itself has written, modulo 2^32.",
         broker_.driver_messages()},
        {"buzon_refused_calls", "Calls answered with LimitsExceeded.", counts.refused_calls},
        {"buzon_replaced_replies", "Replies in whose place the caller got an error.",
         counts.replaced_replies},
        {"buzon_dropped_messages", "Messages of disconnected senders that found no room.",
         counts.dropped_messages},
        {"buzon_throttled", "Times that a sender was not read any more until there was room.",
         throttle.throttled},
        {"buzon_disconnected_receivers", "Receivers that were disconnected as they did not read.",
         counts.disconnected_receivers + throttle.disconnected},
        {"buzon_refused_connections", "Connections refused for lack of room.",
         counts.refused_connections},
        {"buzon_delayed_connections", "Connections that waited, as their program made too many.",
         counts.delayed_connections},
    };
    for (const auto& [name, help, value] : rows)
        out.write({name, Type::Counter, help}, value);
}

void BusMetrics::write_present(OpenMetricsWriter& out) const {
    const BusState& state = broker_.state();
    write_connections(out);
    const Row rows[] = {
        {"buzon_names", "Well-known names that have an owner.", state.names.size()},
        {"buzon_match_rules", "Match rules.", state.matches.size()},
        {"buzon_pending_replies", "Replies that are awaited.", state.replies.size()},
        {"buzon_throttled_senders", "Senders that are not read, or will not be before long.",
         broker_.throttle().size()},
    };
    for (const auto& [name, help, value] : rows)
        out.write({name, Type::Gauge, help}, value);
    out.write({"buzon_read_ahead_bytes", Type::Gauge,
               "What has been read of senders that are not read on.", "bytes"},
              broker_.read_ahead_bytes());
}

void BusMetrics::write_connections(OpenMetricsWriter& out) const {
    const PeerRegistry& peers = broker_.state().peers;
    out.begin({"buzon_connections", Type::Gauge,
               "Connections: on the bus, as monitors, before their Hello, and not read yet."});
    out.add(std::uint64_t{peers.complete_count() - peers.monitor_count()}, {{"state", "active"}});
    out.add(std::uint64_t{peers.monitor_count()}, {{"state", "monitor"}});
    out.add(std::uint64_t{peers.incomplete_count()}, {{"state", "incomplete"}});
    out.add(std::uint64_t{broker_.waiting_count()}, {{"state", "waiting"}});
}

void BusMetrics::write_peaks(OpenMetricsWriter& out) const {
    const Peaks& peaks = broker_.state().peaks;
    const Row rows[] = {
        {"buzon_peak_match_rules", "Most match rules so far.", peaks.match_rules},
        {"buzon_peak_match_rules_per_connection", "Most match rules of one connection so far.",
         peaks.match_rules_per_connection},
        {"buzon_peak_names", "Most names so far, unique ones among them.", peaks.names},
        {"buzon_peak_names_per_connection", "Most names of one connection so far.",
         peaks.names_per_connection},
        {"buzon_peak_queue_descriptors", "Most descriptors in the queue of one receiver so far.",
         peaks.queues.descriptors},
    };
    for (const auto& [name, help, value] : rows)
        out.write({name, Type::Gauge, help}, value);
    out.write(
        {"buzon_peak_queue_bytes", Type::Gauge, "Longest queue of one receiver so far.", "bytes"},
        peaks.queues.bytes);
}

void BusMetrics::write_turns(OpenMetricsWriter& out) const {
    using Seconds = std::chrono::duration<double>;
    using Lengths = bus::TurnLengths;
    std::array<double, Lengths::kBounds.size()> bounds{};
    std::ranges::transform(Lengths::kBounds, bounds.begin(),
                           [](auto bound) { return Seconds(bound).count(); });
    const Lengths& lengths = broker_.state().loop.turn_lengths();
    out.write_histogram({"buzon_loop_turn_seconds", Type::Histogram,
                         "How long others wait while the bus does something.", "seconds"},
                        bounds, lengths.counts(), Seconds(lengths.total()).count());
}

}  // namespace buzon::broker
