// SPDX-License-Identifier: Apache-2.0
// Unpredictable bytes from the kernel, for identities, challenges and file names.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace buzon::bus {

/// Fills `bytes` with getrandom(). Throws std::system_error where the kernel refuses.
void fill_random(std::span<std::byte> bytes);
/// `count` of [0-9A-Za-z], each as likely as the other. Throws as fill_random() does.
[[nodiscard]] std::string random_alphanumerics(std::size_t count);

}  // namespace buzon::bus
