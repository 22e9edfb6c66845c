// SPDX-License-Identifier: Apache-2.0
// Who a peer, a process or the bus itself is, as far as the bus and /proc tell.
// A field is present, absent (nobody knows it) or, where the type is a Json, null: it is known that
// there is none, such as the terminal of a service.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "clients/ctl/bus_connection.h"
#include "clients/ctl/value_json.h"

namespace buzon::clients {

enum class Augment { No, FromProc };

/// Errors: sdbus::Error, for one where nobody owns the name.
[[nodiscard]] CredentialsPtr credentials_of_name(BusConnection& bus,
                                                 const std::string& name,
                                                 Augment augment);
[[nodiscard]] CredentialsPtr credentials_of_bus_owner(BusConnection& bus, Augment augment);
[[nodiscard]] CredentialsPtr credentials_of_process(pid_t pid);

/// A field that is a text, by the sd-bus function that reads it; null where there is none.
using TextGetter = int (*)(sd_bus_creds*, const char**);
[[nodiscard]] std::optional<Json> text_field(sd_bus_creds& credentials, TextGetter getter);

/// The process id, and the name of its user or, without a name, the number.
[[nodiscard]] std::optional<Json> pid_field(sd_bus_creds& credentials);
[[nodiscard]] std::optional<Json> user_field(sd_bus_creds& credentials);

/// Every field, by busctl's names for them.
[[nodiscard]] Json all_fields(sd_bus_creds& credentials);

}  // namespace buzon::clients
