// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/sd_bus_result.h"

#include <string>
#include <system_error>

#include <fmt/format.h>

namespace buzon::clients {

int check(int result, std::string_view context) {
    if (result >= 0) return result;
    ErrorHolder error;
    sd_bus_error_set_errno(error.get(), result);
    const std::string reason = std::generic_category().message(-result);
    throw sdbus::Error((*error).name == nullptr ? "" : (*error).name,
                       fmt::format("{}: {}", context, reason));
}

void throw_error(const sd_bus_error& error, int result) {
    if (sd_bus_error_is_set(&error) == 0) check(result, "Failed to call");
    const bool has_text = error.message != nullptr && *error.message != '\0';
    throw sdbus::Error(error.name, has_text ? error.message : "(no text)");
}

void throw_with_context(const sdbus::Error& error, std::string_view context) {
    throw sdbus::Error(error.getName(), fmt::format("{}: {}", context, error.getMessage()));
}

}  // namespace buzon::clients
