// SPDX-License-Identifier: Apache-2.0
#include "broker/driver_table.h"

#include <array>

#include "bus/protocol.h"
#include "bus/signature.h"
#include "introspection/model.h"
#include "introspection/xml_writer.h"

namespace buzon::broker {

namespace {

using Id = DriverMethodId;

constexpr auto kBusMethods = std::to_array<DriverMethod>({
    {Id::Hello, "Hello", "", "s"},
    {Id::RequestName, "RequestName", "su", "u"},
    {Id::ReleaseName, "ReleaseName", "s", "u"},
    {Id::StartServiceByName, "StartServiceByName", "su", "u"},
    {Id::UpdateActivationEnvironment, "UpdateActivationEnvironment", "a{ss}", "",
     DriverCondition::CanonicalPath},
    {Id::NameHasOwner, "NameHasOwner", "s", "b"},
    {Id::ListNames, "ListNames", "", "as"},
    {Id::ListActivatableNames, "ListActivatableNames", "", "as"},
    {Id::AddMatch, "AddMatch", "s", ""},
    {Id::RemoveMatch, "RemoveMatch", "s", ""},
    {Id::GetNameOwner, "GetNameOwner", "s", "s"},
    {Id::ListQueuedOwners, "ListQueuedOwners", "s", "as"},
    {Id::GetConnectionUnixUser, "GetConnectionUnixUser", "s", "u"},
    {Id::GetConnectionUnixProcessId, "GetConnectionUnixProcessID", "s", "u"},
    {Id::GetAdtAuditSessionData, "GetAdtAuditSessionData", "s", "ay"},
    {Id::GetConnectionSelinuxSecurityContext, "GetConnectionSELinuxSecurityContext", "s", "ay"},
    {Id::ReloadConfig, "ReloadConfig", "", ""},
    {Id::GetId, "GetId", "", "s"},
    {Id::GetConnectionCredentials, "GetConnectionCredentials", "s", "a{sv}"},
});

constexpr auto kPropertiesMethods = std::to_array<DriverMethod>({
    {Id::PropertiesGet, "Get", "ss", "v"},
    {Id::PropertiesGetAll, "GetAll", "s", "a{sv}"},
    {Id::PropertiesSet, "Set", "ssv", ""},
});

constexpr auto kIntrospectableMethods = std::to_array<DriverMethod>({
    {Id::Introspect, "Introspect", "", "s"},
});

constexpr auto kMonitoringMethods = std::to_array<DriverMethod>({
    {Id::BecomeMonitor, "BecomeMonitor", "asu", "", DriverCondition::Privileged},
});

constexpr auto kStatsMethods = std::to_array<DriverMethod>({
    {Id::GetStats, "GetStats", "", "a{sv}"},
    {Id::GetConnectionStats, "GetConnectionStats", "s", "a{sv}"},
    {Id::GetAllMatchRules, "GetAllMatchRules", "", "a{sas}"},
});

constexpr auto kPeerMethods = std::to_array<DriverMethod>({
    {Id::GetMachineId, "GetMachineId", "", "s"},
    {Id::Ping, "Ping", "", ""},
});

constexpr auto kPolicyMethods = std::to_array<DriverMethod>({
    {Id::ExplainPolicy, "Explain", "a{sv}", "a{sv}a{sv}", DriverCondition::Privileged},
    {Id::ExplainOwnPolicy, "ExplainOwn", "sa{sv}", "a{sv}", DriverCondition::Privileged},
    {Id::ExplainConnectPolicy, "ExplainConnect", "a{sv}", "a{sv}", DriverCondition::Privileged},
});

constexpr auto kQuotaMethods = std::to_array<DriverMethod>({
    {Id::GetAccounts, "GetAccounts", "t", "a(sttt)a(ttssssua(stt))t", DriverCondition::Privileged},
    {Id::GetQueues, "GetQueues", "u", "a(tstttttta(ttstt))u", DriverCondition::Privileged},
    {Id::GetThrottled, "GetThrottled", "u", "a(tstasbt)u", DriverCondition::Privileged},
    {Id::GetCounters, "GetCounters", "", "a{st}", DriverCondition::Privileged},
});

constexpr std::string_view kPropertiesInterface = "org.freedesktop.DBus.Properties";

constexpr auto kInterfaces = std::to_array<DriverInterface>({
    {bus::kDriverName, DriverPlace::AnyPath, kBusMethods},
    {kPropertiesInterface, DriverPlace::CanonicalPath, kPropertiesMethods},
    {"org.freedesktop.DBus.Introspectable", DriverPlace::AnyPath, kIntrospectableMethods},
    {"org.freedesktop.DBus.Monitoring", DriverPlace::CanonicalPath, kMonitoringMethods},
    {"org.freedesktop.DBus.Debug.Stats", DriverPlace::CanonicalPath, kStatsMethods},
    {"org.freedesktop.DBus.Peer", DriverPlace::AnyPath, kPeerMethods},
    // Ours come last, behind all that dbus-daemon has.
    {"org.buzon.Policy1", DriverPlace::CanonicalPath, kPolicyMethods},
    {"org.buzon.Quota1", DriverPlace::CanonicalPath, kQuotaMethods},
});

void add_arguments(introspection::Method& method,
                   std::string_view signature,
                   introspection::Direction direction) {
    while (!signature.empty()) {
        const std::size_t length = bus::first_type_length(signature);
        method.arguments.push_back(
            {.name = "", .type = std::string(signature.substr(0, length)), .direction = direction});
        signature.remove_prefix(length);
    }
}

introspection::Signal unnamed_signal(std::string name, std::size_t strings) {
    introspection::Signal signal{.name = std::move(name)};
    signal.arguments.assign(strings,
                            {.name = "", .type = "s", .direction = introspection::Direction::Out});
    return signal;
}

introspection::Property constant_property(std::string name) {
    return {.name = std::move(name),
            .type = "as",
            .access = introspection::Access::Read,
            .annotations = {{"org.freedesktop.DBus.Property.EmitsChangedSignal", "const"}}};
}

introspection::Signal properties_changed() {
    constexpr auto kOut = introspection::Direction::Out;
    return {.name = "PropertiesChanged",
            .arguments = {{.name = "interface_name", .type = "s", .direction = kOut},
                          {.name = "changed_properties", .type = "a{sv}", .direction = kOut},
                          {.name = "invalidated_properties", .type = "as", .direction = kOut}}};
}

introspection::Interface describe(const DriverInterface& row) {
    introspection::Interface interface { .name = std::string(row.name) };
    for (const DriverMethod& method : row.methods) {
        introspection::Method described{.name = std::string(method.name)};
        add_arguments(described, method.in, introspection::Direction::In);
        add_arguments(described, method.out, introspection::Direction::Out);
        interface.methods.push_back(std::move(described));
    }
    if (row.name == bus::kDriverName) {
        interface.properties = {constant_property("Features"), constant_property("Interfaces")};
        interface.signals = {unnamed_signal("NameOwnerChanged", 3), unnamed_signal("NameLost", 1),
                             unnamed_signal("NameAcquired", 1),
                             unnamed_signal("ActivatableServicesChanged", 0)};
    } else if (row.name == kPropertiesInterface) {
        interface.signals = {properties_changed()};
    }
    return interface;
}

/// What of the canonical path lies below `path`: `/org` has `freedesktop/DBus`.
std::string_view path_below(std::string_view path) {
    if (path == "/") return bus::kDriverPath.substr(1);
    if (bus::kDriverPath.size() > path.size() && bus::kDriverPath.starts_with(path) &&
        bus::kDriverPath[path.size()] == '/')
        return bus::kDriverPath.substr(path.size() + 1);
    return {};
}

}  // namespace

std::span<const DriverInterface> driver_interfaces() {
    return kInterfaces;
}

std::string introspection_of_connection() {
    return introspection::to_xml({});
}

std::string introspect_driver(std::string_view path) {
    introspection::Node node;
    for (const DriverInterface& row : kInterfaces)
        if (row.place == DriverPlace::AnyPath || path == bus::kDriverPath)
            node.interfaces.push_back(describe(row));
    if (const auto below = path_below(path); !below.empty())
        node.children.push_back({.name = std::string(below)});
    return introspection::to_xml(node);
}

std::string_view DriverIntrospection::of(std::string_view path) {
    // Few paths have something below them; all others have the same.
    const bool is_like_others = path != bus::kDriverPath && path_below(path).empty();
    const std::string_view key = is_like_others ? std::string_view() : path;
    auto found = documents_.find(key);
    if (found == documents_.end()) found = documents_.emplace(key, introspect_driver(path)).first;
    return found->second;
}

}  // namespace buzon::broker
