// SPDX-License-Identifier: Apache-2.0
// The three buses that are compared, and which of them can be run here.
#pragma once

#include <string>
#include <vector>

#include "tests/load/bus_process.h"

namespace buzon::load {

/// dbus-daemon and dbus-broker by name, and the buzond of the build tree that this program is in.
[[nodiscard]] std::vector<BusProgram> known_buses();

/// Those of `known` that `names` names (all, if it is empty) and that can be run, their paths
/// looked up in $PATH. Says on standard error what is left out.
[[nodiscard]] std::vector<BusProgram> runnable(const std::vector<BusProgram>& known,
                                               const std::vector<std::string>& names);

}  // namespace buzon::load
