// SPDX-License-Identifier: Apache-2.0
// org.freedesktop.DBus.Debug.Stats: counters with dbus-daemon's keys, all of type u.
// The memory pool keys of dbus-daemon have no counterpart here and are left out.
#include <algorithm>
#include <limits>

#include "broker/driver.h"
#include "bus/base/log.h"

namespace buzon::broker {

namespace {

/// A dictionary of uint32 values, under construction. What does not fit is the largest that does.
class CounterTable {
public:
    explicit CounterTable(bus::WireWriter& body) : body_(body), array_(body.begin_array('{')) {}
    void add(std::string_view key, std::uint64_t value) {
        constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
        body_.align_struct();
        body_.write_string(key);
        body_.write_signature("u");
        body_.write_uint32(static_cast<std::uint32_t>(std::min(value, kMost)));
    }
    void add(std::string_view key, std::string_view text) {
        body_.align_struct();
        body_.write_string(key);
        body_.write_signature("s");
        body_.write_string(text);
    }
    void finish() { body_.end_array(array_); }

private:
    bus::WireWriter& body_;
    bus::WireWriter::ArrayMark array_;
};

}  // namespace

Driver::Outcome Driver::get_stats(DriverCall& call) {
    CounterTable table(start_reply());
    table.add("Serial", delivery_.last_serial());
    table.add("ActiveConnections", state_.peers.complete_count());
    table.add("IncompleteConnections", state_.peers.incomplete_count());
    table.add("MatchRules", state_.matches.size());
    table.add("PeakMatchRules", state_.peaks.match_rules);
    table.add("PeakMatchRulesPerConnection", state_.peaks.match_rules_per_connection);
    table.add("BusNames", state_.names.size() + state_.peers.complete_count());
    table.add("PeakBusNames", state_.peaks.names);
    table.add("PeakBusNamesPerConnection", state_.peaks.names_per_connection);
    table.finish();
    finish_reply(call, "a{sv}");
    return {};
}

Driver::Outcome Driver::get_connection_stats(DriverCall& call) {
    const std::string_view name = call.arguments.read_string().value_or("");
    if (name == bus::kDriverName)
        return refuse(bus::error_name::kInvalidArgs,
                      "The bus has no statistics as a connection; ask GetStats");
    const auto found = owner_for("statistics", name);
    if (!found) return bus::Unexpected{found.error()};
    const Peer& peer = **found;
    const Port& port = peer.port();
    CounterTable table(start_reply());
    table.add("Serial", delivery_.last_serial());
    table.add("MatchRules", state_.matches.count_of(peer.id()));
    table.add("PeakMatchRules", peer.peak_match_rules());
    table.add("BusNames", state_.names.count_held_by(peer.id()) + 1);
    table.add("PeakBusNames", peer.peak_names());
    table.add("UniqueName", peer.unique_name());
    table.add("IncomingMessages", peer.in_flight()->messages());
    table.add("IncomingBytes", peer.in_flight()->bytes());
    table.add("IncomingFDs", peer.in_flight()->descriptors());
    table.add("PeakIncomingBytes", peer.in_flight()->peak_bytes());
    table.add("PeakIncomingFDs", peer.in_flight()->peak_descriptors());
    table.add("OutgoingMessages", port.queued_messages());
    table.add("OutgoingBytes", port.queued_bytes());
    table.add("OutgoingFDs", port.queued_descriptors());
    table.add("PeakOutgoingBytes", port.peak_bytes());
    table.add("PeakOutgoingFDs", port.peak_descriptors());
    table.finish();
    finish_reply(call, "a{sv}");
    return {};
}

Driver::Outcome Driver::get_all_match_rules(DriverCall& call) {
    if (call.caller.has_hung_up()) return {};  // Nobody reads it, and it may be long.
    host_.report_match_rules(call.caller, call.header().serial);
    return {};
}

}  // namespace buzon::broker
