// SPDX-License-Identifier: Apache-2.0
// Innocents who belong to one attack: what the bus does to them counts as harm.
#pragma once

#include <string_view>

#include "tests/flood/role.h"

namespace buzon::flood {

/// Subscribes to the publisher's news, is stopped while the attack lasts, and lives on then.
[[nodiscard]] Actor stopped_subscriber();
/// Sends ten small messages a second to attack_name(`to`), whom others flood: each must be taken.
[[nodiscard]] Actor modest_sender(std::string_view to);
/// One program after another joins, takes a name, asks something and leaves: who is not through
/// within a second counts as a newcomer whom the bus did not let in.
[[nodiscard]] Actor passers_by();

}  // namespace buzon::flood
