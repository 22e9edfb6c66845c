// SPDX-License-Identifier: Apache-2.0
// The identity of this machine, which the bus tells clients that ask for it.
// Source: machine-id(5); dbus-uuidgen(1).
#pragma once

#include <string>
#include <string_view>

namespace buzon::broker {

/// The 32 hexadecimal digits of a machine-id file, in lower case; empty for any other text.
[[nodiscard]] std::string parse_machine_id(std::string_view text);

/// That of D-Bus, else that of systemd; empty if this machine has none.
[[nodiscard]] std::string read_machine_id();

}  // namespace buzon::broker
