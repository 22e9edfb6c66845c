// SPDX-License-Identifier: Apache-2.0
// Names given on the command line, checked before anything is sent.
// Errors: UsageError, which says what is wrong with which text.
#pragma once

#include <string>

namespace buzon::clients {

const std::string& checked_service(const std::string& text);
const std::string& checked_path(const std::string& text);
const std::string& checked_interface(const std::string& text);
const std::string& checked_member(const std::string& text);

}  // namespace buzon::clients
