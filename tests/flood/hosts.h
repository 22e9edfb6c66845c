// SPDX-License-Identifier: Apache-2.0
// Innocents whom attackers use: a service that they call, its other callers, a broadcaster whom
// they hear. Harm is what the bus does to these: an end, a refusal, or that they wait for long.
#pragma once

#include <cstddef>
#include <string_view>

#include "tests/flood/role.h"

namespace buzon::flood {

/// Owns attack_name(`name`) and answers whatever it is called for, with 1 KiB.
[[nodiscard]] Actor service(std::string_view name);
/// Calls the owner of attack_name(`name`) a hundred times a second: each call must be answered
/// within a second.
[[nodiscard]] Actor caller_of(std::string_view name);

enum class Pace { MayWait, MustBeKept };
struct Programme {
    std::size_t per_second = 250;
    std::size_t body_bytes = 8192;
};
/// Sends broadcasts. Where its pace must be kept, 90 % must leave in time, and none may wait for
/// more than a second.
[[nodiscard]] Actor broadcaster(Pace pace, Programme programme = {});
/// Hears the one broadcaster of the cast, who must keep its pace: each broadcast, in order, and
/// never nothing for more than a second.
[[nodiscard]] Actor audience();

}  // namespace buzon::flood
