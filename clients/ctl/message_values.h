// SPDX-License-Identifier: Apache-2.0
// Between the body of an sd-bus message and values.
// Errors: sdbus::Error, as everywhere in clients/. File descriptors stay with the message.
#pragma once

#include <span>
#include <vector>

#include <systemd/sd-bus.h>

#include "clients/ctl/value.h"

namespace buzon::clients {

/// All values of the body, from its begin, wherever it has been read to.
[[nodiscard]] std::vector<Value> read_values(sd_bus_message& message);

/// Appends `values` to a message that is not sealed yet.
void append_values(sd_bus_message& message, std::span<const Value> values);

}  // namespace buzon::clients
