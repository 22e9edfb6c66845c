// SPDX-License-Identifier: Apache-2.0
// Unpredictable bytes from the kernel, for identities, challenges and file names.
#pragma once

#include <cstddef>
#include <span>

namespace buzon::bus {

/// Fills `bytes` with getrandom(). Throws std::system_error where the kernel refuses.
void fill_random(std::span<std::byte> bytes);

}  // namespace buzon::bus
