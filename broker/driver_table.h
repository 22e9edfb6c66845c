// SPDX-License-Identifier: Apache-2.0
// The driver's interfaces as data: methods with their types and conditions, signals, properties.
// Both the look-up of a call and the introspection XML come from here, so they can't disagree.
// Source: dbus-daemon 1.14 (`dbus-daemon --introspect`).
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace buzon::broker {

enum class DriverMethodId : std::uint8_t {
    Hello,
    RequestName,
    ReleaseName,
    StartServiceByName,
    UpdateActivationEnvironment,
    NameHasOwner,
    ListNames,
    ListActivatableNames,
    AddMatch,
    RemoveMatch,
    GetNameOwner,
    ListQueuedOwners,
    GetConnectionUnixUser,
    GetConnectionUnixProcessId,
    GetAdtAuditSessionData,
    GetConnectionSelinuxSecurityContext,
    ReloadConfig,
    GetId,
    GetConnectionCredentials,
    PropertiesGet,
    PropertiesGetAll,
    PropertiesSet,
    Introspect,
    BecomeMonitor,
    GetStats,
    GetConnectionStats,
    GetAllMatchRules,
    GetMachineId,
    Ping,
    ExplainPolicy,
    ExplainOwnPolicy,
    ExplainConnectPolicy,
    GetAccounts,
    GetQueues,
    GetThrottled,
    GetCounters,
};

/// Where a method answers and to whom.
enum class DriverCondition : std::uint8_t {
    None,
    Privileged,     // root and the bus owner
    CanonicalPath,  // only at /org/freedesktop/DBus, although its interface is on every path
};

struct DriverMethod {
    DriverMethodId id;
    std::string_view name;
    std::string_view in;
    std::string_view out;
    DriverCondition condition = DriverCondition::None;
};

enum class DriverPlace : std::uint8_t { AnyPath, CanonicalPath };

struct DriverInterface {
    std::string_view name;
    DriverPlace place;
    std::span<const DriverMethod> methods;
};

/// In the order in which a call without an interface is looked up.
[[nodiscard]] std::span<const DriverInterface> driver_interfaces();

/// The introspection document of an object of the driver.
[[nodiscard]] std::string introspect_driver(std::string_view path);

/// The same, made once for each that differs.
class DriverIntrospection {
public:
    [[nodiscard]] std::string_view of(std::string_view path);

private:
    std::map<std::string, std::string, std::less<>> documents_;  // by path, of those that differ
};
/// The one of a connection as such, asked without a destination: it has no objects.
[[nodiscard]] std::string introspection_of_connection();

}  // namespace buzon::broker
