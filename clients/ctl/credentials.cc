// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/credentials.h"

#include <pwd.h>

#include <cerrno>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bus/protocol.h"

namespace buzon::clients {
namespace {

std::uint64_t mask_of(Augment augment) {
    return augment == Augment::FromProc ? _SD_BUS_CREDS_ALL | SD_BUS_CREDS_AUGMENT
                                        : _SD_BUS_CREDS_ALL;
}

/// sd-bus says ENXIO where it is known that there is no such thing, else that nothing is known.
std::optional<Json> field(int result, const Json& value) {
    if (result >= 0) return value;
    if (result == -ENXIO) return Json(nullptr);
    return std::nullopt;
}

/// uid_t, gid_t and audit session ids are all the same to C.
using NumberGetter = int (*)(sd_bus_creds*, std::uint32_t*);

std::optional<Json> number_field(sd_bus_creds& credentials, NumberGetter getter) {
    std::uint32_t number = 0;
    const int result = getter(&credentials, &number);
    return field(result, number);
}

using PidGetter = int (*)(sd_bus_creds*, pid_t*);

std::optional<Json> pid_field_by(sd_bus_creds& credentials, PidGetter getter) {
    pid_t pid = 0;
    const int result = getter(&credentials, &pid);
    return field(result, pid);
}

std::optional<Json> groups_field(sd_bus_creds& credentials) {
    const gid_t* groups = nullptr;
    const int count = sd_bus_creds_get_supplementary_gids(&credentials, &groups);
    Json list = Json::array();
    for (int i = 0; i < count; ++i)
        list.push_back(groups[i]);
    return field(count, list);
}

/// Of the login session or user slice: most have none, so that is not worth a line.
std::optional<Json> owner_field(sd_bus_creds& credentials) {
    const auto owner = number_field(credentials, sd_bus_creds_get_owner_uid);
    return owner == Json(nullptr) ? std::nullopt : owner;
}

/// For the getters of lists of texts, which end in a null pointer and belong to the credentials.
using ListGetter = int (*)(sd_bus_creds*, char***);

std::optional<Json> list_field(sd_bus_creds& credentials, ListGetter getter) {
    char** texts = nullptr;
    const int result = getter(&credentials, &texts);
    Json list = Json::array();
    for (char** text = result >= 0 ? texts : nullptr; text != nullptr && *text != nullptr; ++text)
        list.push_back(*text);
    return field(result, list);
}

constexpr std::string_view kCapabilities[] = {
    "cap_chown",
    "cap_dac_override",
    "cap_dac_read_search",
    "cap_fowner",
    "cap_fsetid",
    "cap_kill",
    "cap_setgid",
    "cap_setuid",
    "cap_setpcap",
    "cap_linux_immutable",
    "cap_net_bind_service",
    "cap_net_broadcast",
    "cap_net_admin",
    "cap_net_raw",
    "cap_ipc_lock",
    "cap_ipc_owner",
    "cap_sys_module",
    "cap_sys_rawio",
    "cap_sys_chroot",
    "cap_sys_ptrace",
    "cap_sys_pacct",
    "cap_sys_admin",
    "cap_sys_boot",
    "cap_sys_nice",
    "cap_sys_resource",
    "cap_sys_time",
    "cap_sys_tty_config",
    "cap_mknod",
    "cap_lease",
    "cap_audit_write",
    "cap_audit_control",
    "cap_setfcap",
    "cap_mac_override",
    "cap_mac_admin",
    "cap_syslog",
    "cap_wake_alarm",
    "cap_block_suspend",
    "cap_audit_read",
    "cap_perfmon",
    "cap_bpf",
    "cap_checkpoint_restore",
};

using CapabilityTest = int (*)(sd_bus_creds*, int);

std::optional<Json> capabilities_field(sd_bus_creds& credentials, CapabilityTest has) {
    Json list = Json::array();
    int number = 0;
    for (const std::string_view name : kCapabilities) {
        const int result = has(&credentials, number++);
        if (result < 0) return std::nullopt;
        if (result > 0) list.push_back(name);
    }
    return list;
}

/// A name and what reads its value; the order is the order of the output.
struct Field {
    std::string_view name;
    std::optional<Json> (*read)(sd_bus_creds&);
};

constexpr Field kFields[] = {
    {"PID", pid_field},
    {"PPID", [](sd_bus_creds& c) { return pid_field_by(c, sd_bus_creds_get_ppid); }},
    {"TTY", [](sd_bus_creds& c) { return text_field(c, sd_bus_creds_get_tty); }},
    {"UID", [](sd_bus_creds& c) { return number_field(c, sd_bus_creds_get_uid); }},
    {"EUID", [](sd_bus_creds& c) { return number_field(c, sd_bus_creds_get_euid); }},
    {"SUID", [](sd_bus_creds& c) { return number_field(c, sd_bus_creds_get_suid); }},
    {"FSUID", [](sd_bus_creds& c) { return number_field(c, sd_bus_creds_get_fsuid); }},
    {"OwnerUID", owner_field},
    {"GID", [](sd_bus_creds& c) { return number_field(c, sd_bus_creds_get_gid); }},
    {"EGID", [](sd_bus_creds& c) { return number_field(c, sd_bus_creds_get_egid); }},
    {"SGID", [](sd_bus_creds& c) { return number_field(c, sd_bus_creds_get_sgid); }},
    {"FSGID", [](sd_bus_creds& c) { return number_field(c, sd_bus_creds_get_fsgid); }},
    {"SupplementaryGIDs", groups_field},
    {"Comm", [](sd_bus_creds& c) { return text_field(c, sd_bus_creds_get_comm); }},
    {"Exe", [](sd_bus_creds& c) { return text_field(c, sd_bus_creds_get_exe); }},
    {"CommandLine", [](sd_bus_creds& c) { return list_field(c, sd_bus_creds_get_cmdline); }},
    {"Label", [](sd_bus_creds& c) { return text_field(c, sd_bus_creds_get_selinux_context); }},
    {"CGroup", [](sd_bus_creds& c) { return text_field(c, sd_bus_creds_get_cgroup); }},
    {"Unit", [](sd_bus_creds& c) { return text_field(c, sd_bus_creds_get_unit); }},
    {"Slice", [](sd_bus_creds& c) { return text_field(c, sd_bus_creds_get_slice); }},
    {"UserUnit", [](sd_bus_creds& c) { return text_field(c, sd_bus_creds_get_user_unit); }},
    {"UserSlice", [](sd_bus_creds& c) { return text_field(c, sd_bus_creds_get_user_slice); }},
    {"Session", [](sd_bus_creds& c) { return text_field(c, sd_bus_creds_get_session); }},
    {"AuditLoginUID",
     [](sd_bus_creds& c) { return number_field(c, sd_bus_creds_get_audit_login_uid); }},
    {"AuditSessionID",
     [](sd_bus_creds& c) { return number_field(c, sd_bus_creds_get_audit_session_id); }},
    {"UniqueName", [](sd_bus_creds& c) { return text_field(c, sd_bus_creds_get_unique_name); }},
    {"WellKnownNames",
     [](sd_bus_creds& c) { return list_field(c, sd_bus_creds_get_well_known_names); }},
    {"EffectiveCapabilities",
     [](sd_bus_creds& c) { return capabilities_field(c, sd_bus_creds_has_effective_cap); }},
    {"PermittedCapabilities",
     [](sd_bus_creds& c) { return capabilities_field(c, sd_bus_creds_has_permitted_cap); }},
    {"InheritableCapabilities",
     [](sd_bus_creds& c) { return capabilities_field(c, sd_bus_creds_has_inheritable_cap); }},
    {"BoundingCapabilities",
     [](sd_bus_creds& c) { return capabilities_field(c, sd_bus_creds_has_bounding_cap); }},
};

}  // namespace

CredentialsPtr credentials_of_name(BusConnection& bus, const std::string& name, Augment augment) {
    sd_bus_creds* credentials = nullptr;
    const int result =
        sd_bus_get_name_creds(&bus.raw(), name.c_str(), mask_of(augment), &credentials);
    if (result == -ENXIO)
        throw sdbus::Error(std::string(bus::error_name::kNameHasNoOwner),
                           fmt::format("Nobody owns the name {}", name));
    check(result, fmt::format("Failed to get the credentials of {}", name));
    return CredentialsPtr(credentials);
}

CredentialsPtr credentials_of_bus_owner(BusConnection& bus, Augment augment) {
    sd_bus_creds* credentials = nullptr;
    check(sd_bus_get_owner_creds(&bus.raw(), mask_of(augment), &credentials),
          "Failed to get the credentials of the bus");
    return CredentialsPtr(credentials);
}

CredentialsPtr credentials_of_process(pid_t pid) {
    sd_bus_creds* credentials = nullptr;
    check(sd_bus_creds_new_from_pid(&credentials, pid, _SD_BUS_CREDS_ALL),
          fmt::format("Failed to get the credentials of process {}", pid));
    return CredentialsPtr(credentials);
}

std::optional<Json> text_field(sd_bus_creds& credentials, TextGetter getter) {
    const char* text = nullptr;
    const int result = getter(&credentials, &text);
    return field(result, text == nullptr ? Json(nullptr) : Json(text));
}

std::optional<Json> pid_field(sd_bus_creds& credentials) {
    return pid_field_by(credentials, sd_bus_creds_get_pid);
}

std::optional<Json> user_field(sd_bus_creds& credentials) {
    uid_t uid = 0;
    const int result = sd_bus_creds_get_euid(&credentials, &uid);
    if (result < 0) return field(result, nullptr);
    const passwd* const user = getpwuid(uid);  // NOLINT(concurrency-mt-unsafe): one thread
    return user == nullptr ? Json(fmt::format("{}", uid)) : Json(user->pw_name);
}

Json all_fields(sd_bus_creds& credentials) {
    Json fields = Json::object();
    for (const Field& row : kFields) {
        if (auto value = row.read(credentials)) fields[std::string(row.name)] = *std::move(value);
    }
    return fields;
}

}  // namespace buzon::clients
