// SPDX-License-Identifier: Apache-2.0
// What went wrong, on standard error: one line, without anything that a terminal would obey, since
// peers write some of these texts. Standard output is written out before.
#pragma once

#include <string>

#include <sdbus-c++/Error.h>

namespace buzon::clients {

void complain(std::string message);
/// `TEXT (org.example.Error.Name)`
void complain(const sdbus::Error& error);

}  // namespace buzon::clients
