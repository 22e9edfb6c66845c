// SPDX-License-Identifier: Apache-2.0
// What standard output is connected to.
#pragma once

#include <cstddef>

namespace buzon::clients {

/// Characters in a line of the terminal that standard output is; 0 where it is none.
[[nodiscard]] std::size_t terminal_width();

}  // namespace buzon::clients
