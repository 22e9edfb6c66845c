// SPDX-License-Identifier: Apache-2.0
// Who is behind a name: what the kernel said about the socket when it connected.
#include <fmt/format.h>

#include <utility>
#include <vector>

#include "broker/driver.h"
#include "bus/base/log.h"

namespace buzon::broker {

namespace {

void write_variant_uint32(bus::WireWriter& body, std::string_view key, std::uint32_t value) {
    body.align_struct();
    body.write_string(key);
    body.write_signature("u");
    body.write_uint32(value);
}

void write_groups(bus::WireWriter& body, const std::vector<gid_t>& groups) {
    body.align_struct();
    body.write_string("UnixGroupIDs");
    body.write_signature("au");
    const auto array = body.begin_array('u');
    for (const gid_t group : groups)
        body.write_uint32(group);
    body.end_array(array);
}

/// With exactly one NUL behind it, unlike the reply of GetConnectionSELinuxSecurityContext.
void write_label(bus::WireWriter& body, std::string_view label) {
    body.align_struct();
    body.write_string("LinuxSecurityLabel");
    body.write_signature("ay");
    const auto array = body.begin_array('y');
    for (const char byte : label)
        body.write_byte(static_cast<std::uint8_t>(byte));
    body.write_byte(0);
    body.end_array(array);
}

/// Opened for this answer, and charged with it to whoever asks: kept open, they would be as many as
/// connections.
bus::Ref<const bus::DescriptorSet> process_descriptor(const Peer& peer) {
    auto process = peer.open_process();
    if (!process) return nullptr;
    std::vector<bus::FileDescriptor> one;
    one.push_back(std::move(process));
    return bus::make_ref<const bus::DescriptorSet>(std::move(one));
}

}  // namespace

Driver::Outcome Driver::get_connection_unix_user(DriverCall& call) {
    const std::string_view name = call.arguments.read_string().value_or("");
    if (name == bus::kDriverName) {
        reply_uint32(call, state_.identity.owner);
        return {};
    }
    const auto peer = owner_for("UID", name);
    if (!peer) return bus::Unexpected{peer.error()};
    if (!(*peer)->user())
        return refuse(bus::error_name::kFailed,
                      fmt::format("Could not determine UID for '{}'", name));
    reply_uint32(call, *(*peer)->user());
    return {};
}

Driver::Outcome Driver::get_connection_unix_process_id(DriverCall& call) {
    const std::string_view name = call.arguments.read_string().value_or("");
    if (name == bus::kDriverName) {
        reply_uint32(call, static_cast<std::uint32_t>(state_.identity.pid));
        return {};
    }
    const auto peer = owner_for("PID", name);
    if (!peer) return bus::Unexpected{peer.error()};
    const auto& pid = (*peer)->credentials().pid;
    if (!pid)
        return refuse(bus::error_name::kUnixProcessIdUnknown,
                      fmt::format("Could not determine PID for '{}'", name));
    reply_uint32(call, static_cast<std::uint32_t>(*pid));
    return {};
}

Driver::Outcome Driver::get_adt_audit_session_data(DriverCall& call) {
    const std::string_view name = call.arguments.read_string().value_or("");
    if (name != bus::kDriverName) {
        const auto peer = owner_for("audit session data", name);
        if (!peer) return bus::Unexpected{peer.error()};
    }
    return refuse(bus::error_name::kAdtAuditDataUnknown,
                  fmt::format("Could not determine audit session data for '{}'", name));
}

Driver::Outcome Driver::get_connection_selinux_security_context(DriverCall& call) {
    const std::string_view name = call.arguments.read_string().value_or("");
    std::string_view label;
    if (name != bus::kDriverName) {
        const auto peer = owner_for("security context", name);
        if (!peer) return bus::Unexpected{peer.error()};
        label = (*peer)->credentials().security_label;
    }
    if (label.empty())
        return refuse(bus::error_name::kSelinuxSecurityContextUnknown,
                      fmt::format("Could not determine security context for '{}'", name));
    auto& body = start_reply();
    const auto array = body.begin_array('y');
    for (const char byte : label)
        body.write_byte(static_cast<std::uint8_t>(byte));
    body.end_array(array);
    finish_reply(call, "ay");
    return {};
}

Driver::Outcome Driver::get_connection_credentials(DriverCall& call) {
    const std::string_view name = call.arguments.read_string().value_or("");
    if (name == bus::kDriverName) {
        auto& body = start_reply();
        const auto array = body.begin_array('{');
        write_variant_uint32(body, "ProcessID", static_cast<std::uint32_t>(state_.identity.pid));
        write_variant_uint32(body, "UnixUserID", state_.identity.owner);
        body.end_array(array);
        finish_reply(call, "a{sv}");
        return {};
    }
    const auto peer = owner_for("credentials", name);
    if (!peer) return bus::Unexpected{peer.error()};
    const bus::PeerCredentials& credentials = (*peer)->credentials();
    const auto descriptor =
        call.caller.accepts_descriptors() ? process_descriptor(**peer) : nullptr;
    auto& body = start_reply();
    const auto array = body.begin_array('{');
    if (credentials.pid)
        write_variant_uint32(body, "ProcessID", static_cast<std::uint32_t>(*credentials.pid));
    if ((*peer)->user()) write_variant_uint32(body, "UnixUserID", *(*peer)->user());
    if (!credentials.groups.empty() && (*peer)->user()) write_groups(body, credentials.groups);
    if (!credentials.security_label.empty()) write_label(body, credentials.security_label);
    if (descriptor) {
        body.align_struct();
        body.write_string("ProcessFD");
        body.write_signature("h");
        body.write_uint32(0);
    }
    body.end_array(array);
    finish_reply(call, "a{sv}", descriptor);
    return {};
}

}  // namespace buzon::broker
