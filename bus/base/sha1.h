// SPDX-License-Identifier: Apache-2.0
// SHA-1, for DBUS_COOKIE_SHA1 and nothing else; libgcrypt computes it.
#pragma once

#include <string>
#include <string_view>

namespace buzon::bus {

/// Lets libgcrypt read what it reads from the file system (its FIPS switches). Needed before the
/// first sha1_hex() in a process that gives the file system up; harmless to repeat.
void prepare_sha1();
/// 40 digits in lower case.
[[nodiscard]] std::string sha1_hex(std::string_view text);

}  // namespace buzon::bus
