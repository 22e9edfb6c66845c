// SPDX-License-Identifier: Apache-2.0
// Limits of users and destinations to and from D-Bus wire format, as a part of a larger body: from
// the process that reads files to the one that enforces them.
// Errors: what a reader of files could not have written is a value, whoever sent it.
#pragma once

#include <string_view>

#include "bus/base/result.h"
#include "bus/wire_reader.h"
#include "bus/wire_writer.h"
#include "policy/limit_overrides.h"
#include "policy/policy_wire.h"

namespace buzon::policy {

/// Users by uid, destinations by name; each with its limits.
inline constexpr std::string_view kOverridesSignature = "a(ua{st})a(sa{st})";

void write_overrides(const LimitOverrides& overrides, bus::WireWriter& body);
bus::Result<LimitOverrides, PolicyWireError> read_overrides(bus::WireReader& body);

}  // namespace buzon::policy
