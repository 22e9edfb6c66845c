// SPDX-License-Identifier: Apache-2.0
// Those who take something at first, then keep it and do nothing.
#pragma once

#include <cstddef>

#include "tests/flood/role.h"

namespace buzon::flood {

/// Watch NameOwnerChanged with `connections` of one program, of which `askers` ask ListNames
/// `questions` times at first, and read nothing of all that.
struct StalledWatch {
    std::size_t connections;
    std::size_t askers;
    std::size_t questions;
};
[[nodiscard]] Actor stalled_watchers(StalledWatch watch);

/// Sets `entries` variables in the environment of what the bus starts.
[[nodiscard]] Actor environment_of(std::size_t entries);

/// Owns `names` long names.
[[nodiscard]] Actor owner_of_names(std::size_t names);

}  // namespace buzon::flood
