// SPDX-License-Identifier: Apache-2.0
#include "broker/driver.h"

#include <fmt/format.h>

#include "bus/base/log.h"

namespace buzon::broker {

namespace {

bool is_at(const DriverInterface& interface, std::string_view path) {
    return interface.place == DriverPlace::AnyPath || path == bus::kDriverPath;
}

const DriverMethod* find_in(const DriverInterface& interface, std::string_view member) {
    for (const DriverMethod& method : interface.methods)
        if (method.name == member) return &method;
    return nullptr;
}

}  // namespace

Driver::Outcome Driver::handle(Peer& caller, const bus::OutgoingMessage& message) {
    const bus::Header& header = message.header;
    if (header.type != bus::MessageType::MethodCall) return {};
    const auto method = find_method(header);
    if (!method) return bus::Unexpected{method.error()};
    if (auto refusal = check_call(caller, header, **method))
        return bus::Unexpected{std::move(*refusal)};
    DriverCall call{caller, message, bus::WireReader(message.body, header.order)};
    return run((*method)->id, call);
}

bus::Result<const DriverMethod*, ErrorReply> Driver::find_method(const bus::Header& header) const {
    bool interface_is_here = header.interface.empty();
    for (const DriverInterface& interface : driver_interfaces()) {
        if (!is_at(interface, header.path)) continue;
        if (!header.interface.empty() && header.interface != interface.name) continue;
        interface_is_here = true;
        if (const DriverMethod* method = find_in(interface, header.member)) return method;
    }
    return refuse(
        interface_is_here ? bus::error_name::kUnknownMethod : bus::error_name::kUnknownInterface,
        fmt::format("{} does not understand message {}", bus::kDriverName, header.member));
}

std::optional<ErrorReply> Driver::check_call(const Peer& caller,
                                             const bus::Header& header,
                                             const DriverMethod& method) const {
    if (method.condition == DriverCondition::Privileged && !is_privileged(caller))
        return ErrorReply{
            bus::error_name::kAccessDenied,
            fmt::format("Method '{}' is only for root and for the owner of this bus", method.name)};
    if (method.condition == DriverCondition::CanonicalPath && header.path != bus::kDriverPath)
        return ErrorReply{bus::error_name::kAccessDenied,
                          fmt::format("Method '{}' is only available at the canonical object path "
                                      "'{}'",
                                      method.name, bus::kDriverPath)};
    if (header.signature != method.in)
        return ErrorReply{bus::error_name::kInvalidArgs,
                          fmt::format("Call to {} has wrong args ({}, expected {})", method.name,
                                      header.signature, method.in)};
    return std::nullopt;
}

Driver::Outcome Driver::run(DriverMethodId id, DriverCall& call) {
    switch (id) {
        case DriverMethodId::Hello: return hello(call);
        case DriverMethodId::RequestName: return request_name(call);
        case DriverMethodId::ReleaseName: return release_name(call);
        case DriverMethodId::StartServiceByName: return start_service_by_name(call);
        case DriverMethodId::UpdateActivationEnvironment:
            return update_activation_environment(call);
        case DriverMethodId::NameHasOwner: return name_has_owner(call);
        case DriverMethodId::ListNames: return list_names(call);
        case DriverMethodId::ListActivatableNames: return list_activatable_names(call);
        case DriverMethodId::AddMatch: return add_match(call);
        case DriverMethodId::RemoveMatch: return remove_match(call);
        case DriverMethodId::GetNameOwner: return get_name_owner(call);
        case DriverMethodId::ListQueuedOwners: return list_queued_owners(call);
        case DriverMethodId::GetConnectionUnixUser: return get_connection_unix_user(call);
        case DriverMethodId::GetConnectionUnixProcessId:
            return get_connection_unix_process_id(call);
        case DriverMethodId::GetAdtAuditSessionData: return get_adt_audit_session_data(call);
        case DriverMethodId::GetConnectionSelinuxSecurityContext:
            return get_connection_selinux_security_context(call);
        case DriverMethodId::ReloadConfig: return reload_config(call);
        case DriverMethodId::GetId: return get_id(call);
        case DriverMethodId::GetConnectionCredentials: return get_connection_credentials(call);
        case DriverMethodId::PropertiesGet: return get_property(call);
        case DriverMethodId::PropertiesGetAll: return get_all_properties(call);
        case DriverMethodId::PropertiesSet: return set_property(call);
        case DriverMethodId::Introspect: return introspect(call);
        case DriverMethodId::BecomeMonitor: return become_monitor(call);
        case DriverMethodId::GetStats: return get_stats(call);
        case DriverMethodId::GetConnectionStats: return get_connection_stats(call);
        case DriverMethodId::GetAllMatchRules: return get_all_match_rules(call);
        case DriverMethodId::GetMachineId: return get_machine_id(call);
        case DriverMethodId::Ping: return ping(call);
        case DriverMethodId::ExplainPolicy: return explain_policy(call);
        case DriverMethodId::ExplainOwnPolicy: return explain_own_policy(call);
        case DriverMethodId::ExplainConnectPolicy: return explain_connect_policy(call);
        case DriverMethodId::GetAccounts: return get_accounts(call);
        case DriverMethodId::GetQueues: return get_queues(call);
        case DriverMethodId::GetThrottled: return get_throttled(call);
        case DriverMethodId::GetCounters: return get_counters(call);
    }
    return {};
}

bool Driver::is_privileged(const Peer& peer) const {
    return state_.may_administer(peer.user());
}

Peer* Driver::find_owner(std::string_view name) const {
    if (name.starts_with(':')) return state_.peers.find(name);
    const auto owner = state_.names.owner_of(name);
    return owner ? state_.peers.find(*owner) : nullptr;
}

bus::Result<Peer*, ErrorReply> Driver::owner_for(std::string_view what,
                                                 std::string_view name) const {
    if (Peer* owner = find_owner(name)) return owner;
    return refuse(
        bus::error_name::kNameHasNoOwner,
        fmt::format("Could not get {} of name '{}': no such name", what, bus::printable(name)));
}

ErrorReply Driver::limit_reached(const Peer& peer,
                                 std::string_view what,
                                 std::string_view limit,
                                 std::uint64_t value) const {
    auto text = fmt::format(
        "Connection \"{}\" is not allowed to {} (increase limits in "
        "configuration file if required; {}={})",
        peer.unique_name(), what, limit, value);
    state_.log.warning(bus::LogKind{"limits"}, peer.log_party(), "{} ({})", text, peer.describe());
    return {bus::error_name::kLimitsExceeded, std::move(text)};
}

ErrorReply Driver::over_quota(const Peer& peer,
                              std::string_view what,
                              const QuotaRefusal& refusal) const {
    auto text =
        fmt::format("Connection \"{}\" is not allowed to {}: too many {} are held by this {}",
                    peer.unique_name(), what, name_of(refusal.resource), name_of(refusal.level));
    state_.log.warning(bus::LogKind{"quotas"}, peer.log_party(), "{} ({}): {}", text,
                       peer.describe(), describe(refusal));
    return {bus::error_name::kLimitsExceeded, std::move(text)};
}

bool Driver::has_room_for(const bus::WireWriter& body, std::size_t bytes) {
    constexpr std::size_t kOverheadPerElement = 16;
    return body.size() + bytes + kOverheadPerElement <= bus::kMaxArrayBytes;
}

ErrorReply Driver::too_large(std::string_view what) {
    return {bus::error_name::kLimitsExceeded,
            fmt::format("{} do not fit into one message (arrays have at most {} bytes)", what,
                        bus::kMaxArrayBytes)};
}

void Driver::finish_reply(DriverCall& call,
                          std::string_view signature,
                          bus::Ref<const bus::DescriptorSet> descriptors) {
    delivery_.send_from_driver(call.caller,
                               {.type = bus::MessageType::MethodReturn,
                                .reply_serial = call.header().serial,
                                .signature = signature},
                               std::move(descriptors));
}

void Driver::acknowledge(DriverCall& call) {
    if (!call.header().expects_reply()) return;
    start_reply();
    finish_reply(call, "");
}

void Driver::reply_string(DriverCall& call, std::string_view text) {
    start_reply().write_string(text);
    finish_reply(call, "s");
}

void Driver::reply_uint32(DriverCall& call, std::uint32_t value) {
    start_reply().write_uint32(value);
    finish_reply(call, "u");
}

}  // namespace buzon::broker
