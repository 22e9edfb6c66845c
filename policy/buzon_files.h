// SPDX-License-Identifier: Apache-2.0
// The files of ours, which dbus-daemon never reads, into a Config: those of two directories for
// each standard type of bus, first the distribution's, then the administrator's, each in the order
// of names, and then those that are given one by one. What is said later counts.
// Errors: ConfigError; see WhenBroken.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/config.h"
#include "policy/config_files.h"

namespace buzon::policy {

/// What becomes of a broken file in one of the directories. One that is given must be right.
enum class WhenBroken : std::uint8_t {
    LeaveOut,  // whole, with a warning: a bus shall start
    Refuse,    // for a reload: the configuration in force is better than a part of the new one
};

/// In the order of reading; none of a bus that is neither `session` nor `system`.
[[nodiscard]] std::vector<std::string> buzon_directories(std::string_view type);

/// Adds to `config`, whose type says which directories, what they and the files `given` say.
void load_buzon_files(Config& config,
                      const std::vector<std::string>& given,
                      WhenBroken when_broken,
                      FileSource& files);

}  // namespace buzon::policy
