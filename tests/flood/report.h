// SPDX-License-Identifier: Apache-2.0
// Outcomes as a table for people or JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "tests/flood/outcome.h"

namespace buzon::flood {

[[nodiscard]] std::string table_heading();
/// One line; `goals` are those that it is judged by.
[[nodiscard]] std::string row_of(const Outcome& outcome,
                                 const std::vector<Goal>& goals,
                                 const Bounds& bounds);
[[nodiscard]] std::string json_of(const std::vector<Outcome>& outcomes,
                                  const std::vector<Goal>& goals,
                                  const Bounds& bounds);
/// Under how many attacks each bus meets all goals, and under how many one could not be measured.
[[nodiscard]] std::string summary_of(const std::vector<Outcome>& outcomes,
                                     const std::vector<Goal>& goals,
                                     const Bounds& bounds);
/// Whether no outcome of `bus` misses one of `goals`; true if there is none.
[[nodiscard]] bool all_hold(const std::vector<Outcome>& outcomes,
                            const std::string& bus,
                            const std::vector<Goal>& goals,
                            const Bounds& bounds);

}  // namespace buzon::flood
