// SPDX-License-Identifier: Apache-2.0
// One attack on one bus, from a fresh bus to what is left of it: warm-up, a baseline with as many
// processes that burn CPU off the bus as the attack has active ones, the attack, and the time
// after. Errors: exceptions where the bus cannot be started at all.
#pragma once

#include "tests/flood/outcome.h"
#include "tests/flood/role.h"
#include "tests/load/bus_process.h"

namespace buzon::flood {

/// A bus that grows beyond this is ended.
inline constexpr std::size_t kMostMemory = std::size_t{2} << 30;

/// Calls a second that eight pairs get through with 16 calls in flight each, beside nothing but so
/// many processes that burn CPU.
[[nodiscard]] double capacity_of(const load::BusProgram& program, std::size_t burners);

/// `rate`: calls a second that the good pairs offer together.
[[nodiscard]] Outcome play_scene(const Attack& attack,
                                 const load::BusProgram& program,
                                 double rate,
                                 double seconds);

}  // namespace buzon::flood
