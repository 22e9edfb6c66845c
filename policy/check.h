// SPDX-License-Identifier: Apache-2.0
// What is wrong with a configuration that can be read: rules that never decide, rules that decide
// more than they seem to, names that nobody can have.
// Pure: users, and the names that service files provide, come in as arguments. The cost grows with
// the number of rules and not with its square.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/config.h"
#include "policy/service_names.h"
#include "policy/user_database.h"

namespace buzon::policy {

enum class Severity : std::uint8_t {
    /// The bus refuses the configuration, or leaves out a part of it.
    Error,
    /// It does something else than it says, or more than anybody should want.
    Warning,
    /// It could be simpler, or may be right in a way that can't be seen from here.
    Note,
};

struct Finding {
    Severity severity = Severity::Warning;
    Location location;
    /// Of always the same spelling, for filters: `unreachable-rule`. The manual lists all.
    std::string_view kind;
    /// What is so, on one line.
    std::string text;
    /// What to do about it; may be empty.
    std::string advice;
};

/// In the order of files and lines. `services` empty: nothing is said about services.
/// Errors: ConfigError where the user database can't be asked about somebody who is denied things.
[[nodiscard]] std::vector<Finding> check(const Config& config,
                                         UserDatabase& users,
                                         const ServiceNames& services);

/// `error`, `warning` or `note`.
[[nodiscard]] std::string_view to_text(Severity severity);

}  // namespace buzon::policy
