// SPDX-License-Identifier: Apache-2.0
// Subscriptions: AddMatch, RemoveMatch, BecomeMonitor.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "broker/driver.h"
#include "bus/base/log.h"

namespace buzon::broker {

namespace {

// A connection becomes a monitor in one turn of the loop. So many rules may it have, and so much
// may it have to give up: names, rules, calls that wait for its replies; of names fewer, as each
// may have to be told to thousands.
constexpr std::size_t kMostMonitorRules = 512;
constexpr std::size_t kMostGivenUp = 512;
constexpr std::size_t kMostNamesGivenUp = 32;
// Of making or removing a step of the tree and its text, for Peer::charge_turn(): a microsecond.
constexpr std::size_t kCostPerCondition = 256;

bus::Result<MatchRule, ErrorReply> parse_rule(std::string_view text) {
    auto rule = parse_match_rule(text);
    if (rule) return std::move(*rule);
    const auto name = rule.error() == MatchRuleError::TooLong ? bus::error_name::kLimitsExceeded
                                                              : bus::error_name::kMatchRuleInvalid;
    return refuse(name, fmt::format("Match rule \"{}\" is not valid: {}", bus::printable(text),
                                    describe(rule.error())));
}

}  // namespace

Driver::Outcome Driver::add_match(DriverCall& call) {
    const PeerId caller = call.caller.id();
    const auto limit = state_.limits_for(call.caller.user()).max_match_rules_per_connection;
    if (state_.matches.count_of(caller) >= limit)
        return bus::Unexpected{limit_reached(call.caller, "add more match rules",
                                             "max_match_rules_per_connection", limit)};
    const auto rule = parse_rule(call.arguments.read_string().value_or(""));
    if (!rule) return bus::Unexpected{rule.error()};
    if (rule->eavesdrop && !is_privileged(call.caller))
        return refuse(bus::error_name::kAccessDenied,
                      "Rules with eavesdrop=true are only for root and for the owner of this bus");
    if (const auto refused = call.caller.holdings().cover(
            Resource::MatchRules, state_.matches.weight_of(caller) + weight_of(*rule)))
        return bus::Unexpected{over_quota(call.caller, "add more match rules", *refused)};
    state_.matches.add(caller, *rule);
    // One that was there already weighs less.
    call.caller.holdings().lower(Resource::MatchRules, state_.matches.weight_of(caller));
    call.caller.charge_turn(rule->condition_count() * kCostPerCondition);
    Peaks& peaks = state_.peaks;
    peaks.match_rules = std::max(peaks.match_rules, state_.matches.size());
    call.caller.note_match_rules(state_.matches.count_of(caller));
    peaks.match_rules_per_connection =
        std::max(peaks.match_rules_per_connection, call.caller.peak_match_rules());
    acknowledge(call);
    return {};
}

Driver::Outcome Driver::remove_match(DriverCall& call) {
    const auto rule = parse_rule(call.arguments.read_string().value_or(""));
    if (!rule) return bus::Unexpected{rule.error()};
    if (!state_.matches.remove(call.caller.id(), *rule))
        return refuse(bus::error_name::kMatchRuleNotFound,
                      "The given match rule wasn't found and can't be removed");
    call.caller.holdings().lower(Resource::MatchRules, state_.matches.weight_of(call.caller.id()));
    call.caller.charge_turn(rule->condition_count() * kCostPerCondition);
    acknowledge(call);
    return {};
}

/// The rules of BecomeMonitor; none given means one that matches everything. Counted while they are
/// read, because a message has room for millions of them.
bus::Result<std::vector<MatchRule>, ErrorReply> Driver::read_monitor_rules(DriverCall& call) const {
    const auto limit = state_.limits_for(call.caller.user()).max_match_rules_per_connection;
    const std::size_t most = std::min<std::size_t>(limit, kMostMonitorRules);
    std::vector<MatchRule> rules;
    const auto end = call.arguments.enter_array('s');
    while (end && call.arguments.position() < *end) {
        if (rules.size() >= limit)
            return bus::Unexpected{limit_reached(call.caller, "monitor with more match rules",
                                                 "max_match_rules_per_connection", limit)};
        if (rules.size() >= most)
            return refuse(
                bus::error_name::kLimitsExceeded,
                fmt::format("A monitor can have {} match rules; use fewer that match more",
                            kMostMonitorRules));
        auto rule = parse_rule(call.arguments.read_string().value_or(""));
        if (!rule) return bus::Unexpected{rule.error()};
        rules.push_back(std::move(*rule));
    }
    if (rules.empty()) rules.emplace_back();
    return rules;
}

std::optional<ErrorReply> Driver::too_much_to_give_up(const Peer& peer) const {
    const std::size_t held = state_.count_left_behind_by(peer.id());
    const std::size_t names = state_.names.count_held_by(peer.id());
    if (held <= kMostGivenUp && names <= kMostNamesGivenUp) return std::nullopt;
    return ErrorReply{
        bus::error_name::kLimitsExceeded,
        fmt::format("A connection with {} names, and {} match rules, calls and callers that wait, "
                    "can't become a monitor, only one with {} names and {} of all at most; use a "
                    "new one",
                    names, held - names, kMostNamesGivenUp, kMostGivenUp)};
}

Driver::Outcome Driver::become_monitor(DriverCall& call) {
    const auto rules = read_monitor_rules(call);
    if (!rules) return bus::Unexpected{rules.error()};
    if (call.arguments.read_uint32().value_or(0) != 0)
        return refuse(bus::error_name::kInvalidArgs,
                      "BecomeMonitor does not support any flags yet");

    Peer& monitor = call.caller;
    if (const auto refusal = too_much_to_give_up(monitor)) return bus::Unexpected{*refusal};
    std::size_t weight = 0;
    for (const MatchRule& rule : *rules)
        weight += weight_of(rule);
    if (const auto refused = monitor.holdings().cover(Resource::MatchRules, weight))
        return bus::Unexpected{over_quota(monitor, "monitor with more match rules", *refused)};
    acknowledge(call);
    state_.matches.remove_all(monitor.id());
    state_.replies.forget_caller(monitor.id());
    name_signals_.announce_disconnected(monitor);
    for (const NameChange& change :
         state_.names.release_all(monitor.id(), ReleaseOrder::FirstAcquiredFirst))
        name_signals_.announce(change, &monitor);
    for (const auto resource : {Resource::Names, Resource::PendingReplies})
        monitor.holdings().lower(resource, 0);
    state_.peers.hide(monitor);
    host_.on_hidden(monitor);
    for (const MatchRule& rule : *rules)
        state_.monitor_matches.add(monitor.id(), rule);
    monitor.holdings().lower(Resource::MatchRules, state_.monitor_matches.weight_of(monitor.id()));
    state_.log.info(bus::LogKind{"monitors"}, monitor.log_party(),
                    "Connection {} ({}) became a monitor.", monitor.unique_name(),
                    monitor.describe());
    return {};
}

}  // namespace buzon::broker
