// SPDX-License-Identifier: Apache-2.0
// The controller that dbus-broker needs beside it: hands it a listening socket and a policy that
// allows everything, then leaves it alone. Written after dbus-broker(1), "API", and after what
// dbus-broker-launch 33 puts on that socket; the policy's type is that version's.
// Errors: exceptions.
#pragma once

#include <string>
#include <vector>

#include "bus/base/file_descriptor.h"

namespace buzon::load {

/// Limits are those that dbus-broker-launch gives the bus of a user session.
[[nodiscard]] std::vector<std::string> broker_options(int controller);
/// Listens at `socket_path` and gives the socket to the broker at the other end of `controller`,
/// which stays open. Returns when the broker has taken it.
void add_listener(const bus::FileDescriptor& controller, const std::string& socket_path);

}  // namespace buzon::load
