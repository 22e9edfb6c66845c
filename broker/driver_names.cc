// SPDX-License-Identifier: Apache-2.0
// Hello, and everything about names and their owners.
#include <fmt/format.h>

#include <algorithm>

#include "broker/driver.h"
#include "bus/base/log.h"
#include "bus/block_writer.h"
#include "bus/names.h"

namespace buzon::broker {

namespace {

/// Of finding a name and writing it, for Peer::charge_turn().
constexpr std::size_t kCostPerName = 64;
/// Of copying one that is written already.
constexpr std::size_t kCostPerListedName = 8;
// Its length, its end, padding.
constexpr std::size_t kAroundName = 8;

}  // namespace

/// An eighth more than the limit for programs that have no connection yet: what one program can use
/// up must not keep others out.
std::size_t Driver::places_for(const Peer& newcomer, const policy::Limits& limits) const {
    const std::size_t most = limits.max_completed_connections;
    const Account& program = *newcomer.account().account().parent();
    return state_.peers.complete_count_of(program) > 0 ? most : most + most / 8;
}

Driver::Outcome Driver::hello(DriverCall& call) {
    if (call.caller.has_id())
        return refuse(bus::error_name::kFailed, "Already handled an Hello message");
    const policy::Limits& limits = state_.limits_for(call.caller.user());
    if (state_.peers.complete_count() >= places_for(call.caller, limits)) {
        auto text = fmt::format(
            "The maximum number of active connections has been reached "
            "(max_completed_connections={})",
            limits.max_completed_connections);
        state_.log.warning(bus::LogKind{"limits"}, call.caller.log_party(), "{} ({})", text,
                           call.caller.describe());
        return refuse(bus::error_name::kLimitsExceeded, std::move(text));
    }
    const auto user = call.caller.user();
    if (user && state_.peers.complete_count_of(*user) >= limits.max_connections_per_user) {
        auto text = fmt::format(
            "The maximum number of active connections for UID {} has been "
            "reached (max_connections_per_user={})",
            *user, limits.max_connections_per_user);
        state_.log.warning(bus::LogKind{"limits"}, call.caller.log_party(), "{} ({})", text,
                           call.caller.describe());
        return refuse(bus::error_name::kLimitsExceeded, std::move(text));
    }
    state_.peers.activate(call.caller);
    reply_string(call, call.caller.unique_name());
    name_signals_.announce_connected(call.caller);
    host_.on_connection_completed();
    return {};
}

std::optional<ErrorReply> Driver::check_requested_name(const Peer& caller,
                                                       std::string_view name,
                                                       std::string_view action) const {
    if (!bus::is_bus_name(name))
        return ErrorReply{
            bus::error_name::kInvalidArgs,
            fmt::format("Requested bus name \"{}\" is not valid", bus::printable(name))};
    if (name.front() == ':')
        return ErrorReply{
            bus::error_name::kInvalidArgs,
            fmt::format("Cannot {} a service starting with ':' such as \"{}\"", action, name)};
    if (name == bus::kDriverName)
        return ErrorReply{bus::error_name::kInvalidArgs,
                          fmt::format("Connection \"{}\" is not allowed to {} the service \"{}\" "
                                      "because it is reserved for D-Bus' use only",
                                      caller.unique_name(), action, name)};
    return std::nullopt;
}

std::optional<ErrorReply> Driver::check_may_own(const Peer& caller, std::string_view name) const {
    if (auto verdict = judge_.decide_own(caller, name); !verdict) return verdict.error();
    // The unique name counts too, and so do names that it waits for.
    const auto limit = state_.limits_for(caller.user()).max_names_per_connection;
    if (state_.names.count_held_by(caller.id()) + 1 >= limit)
        return limit_reached(caller, "own more services", "max_names_per_connection", limit);
    return std::nullopt;
}

Driver::Outcome Driver::request_name(DriverCall& call) {
    const std::string_view name = call.arguments.read_string().value_or("");
    const std::uint32_t flags = call.arguments.read_uint32().value_or(0);
    if (auto refusal = check_requested_name(call.caller, name, "acquire"))
        return bus::Unexpected{std::move(*refusal)};
    if (auto refusal = check_may_own(call.caller, name))
        return bus::Unexpected{std::move(*refusal)};
    const std::uint64_t held = state_.names.count_held_by(call.caller.id());
    if (const auto refused = call.caller.holdings().cover(Resource::Names, held + 1))
        return bus::Unexpected{over_quota(call.caller, "own more services", *refused)};
    const RequestOutcome outcome = state_.names.request(call.caller.id(), name, flags);
    recount_names(call.caller.id());
    if (outcome.change && outcome.change->old_owner) recount_names(*outcome.change->old_owner);
    Peaks& peaks = state_.peaks;
    peaks.names = std::max(peaks.names, state_.names.size() + state_.peers.complete_count());
    call.caller.note_names(state_.names.count_held_by(call.caller.id()) + 1);
    peaks.names_per_connection = std::max(peaks.names_per_connection, call.caller.peak_names());
    if (outcome.change) name_signals_.announce(*outcome.change);
    reply_uint32(call, static_cast<std::uint32_t>(outcome.code));
    return {};
}

void Driver::recount_names(PeerId id) const {
    if (Peer* peer = state_.peers.find(id))
        peer->holdings().lower(Resource::Names, state_.names.count_held_by(id));
}

Driver::Outcome Driver::release_name(DriverCall& call) {
    const std::string_view name = call.arguments.read_string().value_or("");
    if (auto refusal = check_requested_name(call.caller, name, "release"))
        return bus::Unexpected{std::move(*refusal)};
    const ReleaseOutcome outcome = state_.names.release(call.caller.id(), name);
    recount_names(call.caller.id());
    if (outcome.change) name_signals_.announce(*outcome.change);
    reply_uint32(call, static_cast<std::uint32_t>(outcome.code));
    return {};
}

Driver::Outcome Driver::name_has_owner(DriverCall& call) {
    const std::string_view name = call.arguments.read_string().value_or("");
    start_reply().write_boolean(name == bus::kDriverName || find_owner(name));
    finish_reply(call, "b");
    return {};
}

/// `write` appends names to a BlockWriter, which take up `bytes` at most.
template <typename Write>
Driver::Outcome Driver::reply_names(DriverCall& call, std::size_t bytes, Write write) {
    bytes += sizeof(std::uint32_t);
    if (bytes > bus::kMaxArrayBytes) return bus::Unexpected{too_large("The names")};
    // Into a block that has been used before and is not copied: half a megabyte of fresh memory
    // costs more than what is written into it.
    bus::BlockWriter body(pool_);
    if (!body.try_reserve(bytes))
        return refuse(bus::error_name::kNoMemory, "There is no memory for the names");
    const auto array = body.begin_array('s');
    write(body);
    body.end_array(array);
    delivery_.reply_from_driver(call.caller,
                                {.reply_serial = call.header().serial, .signature = "as"},
                                body.bytes(), body.block());
    return {};
}

Driver::Outcome Driver::list_names(DriverCall& call) {
    if (call.caller.has_hung_up()) return {};  // Nobody reads it, and it may be long.
    const NameList& unique = state_.peers.unique_names();
    const NameList& well_known = state_.names.list();
    call.caller.charge_turn((unique.size() + well_known.size()) * kCostPerListedName);
    const std::size_t bytes =
        bus::kDriverName.size() + kAroundName + unique.bytes() + well_known.bytes();
    return reply_names(call, bytes, [&](bus::BlockWriter& body) {
        body.write_string(bus::kDriverName);
        unique.write(body);
        well_known.write(body);
    });
}

Driver::Outcome Driver::get_name_owner(DriverCall& call) {
    const std::string_view name = call.arguments.read_string().value_or("");
    if (name == bus::kDriverName) {
        reply_string(call, bus::kDriverName);
        return {};
    }
    const auto owner = owner_for("owner", name);
    if (!owner) return bus::Unexpected{owner.error()};
    reply_string(call, (*owner)->unique_name());
    return {};
}

Driver::Outcome Driver::list_queued_owners(DriverCall& call) {
    const std::string_view name = call.arguments.read_string().value_or("");
    std::vector<std::string_view> owners;
    if (name == bus::kDriverName) {
        owners.push_back(bus::kDriverName);
    } else if (name.starts_with(':')) {
        if (const Peer* peer = find_owner(name)) owners.push_back(peer->unique_name());
    } else {
        for (const PeerId id : state_.names.queue_of(name))
            if (const Peer* peer = state_.peers.find(id)) owners.push_back(peer->unique_name());
    }
    if (owners.empty())
        return refuse(
            bus::error_name::kNameHasNoOwner,
            fmt::format("Could not get owners of name '{}': no such name", bus::printable(name)));
    call.caller.charge_turn(owners.size() * kCostPerName);
    std::size_t bytes = 0;
    for (const std::string_view owner : owners)
        bytes += owner.size() + kAroundName;
    return reply_names(call, bytes, [&](bus::BlockWriter& body) {
        for (const std::string_view owner : owners)
            body.write_string(owner);
    });
}

}  // namespace buzon::broker
