// SPDX-License-Identifier: Apache-2.0
// Programs that have all on the bus that they may: in the queue of a connection of their own which
// reads nothing. What they do then waits for room that never comes.
#pragma once

#include "tests/flood/role.h"

namespace buzon::flood {

/// Does what `then` does, in the same process, but fills the account of that first.
[[nodiscard]] Actor fills_its_account_first(Actor then);

}  // namespace buzon::flood
