// SPDX-License-Identifier: Apache-2.0
// Spans of time as people write them: `5`, `300ms`, `1min 30s`, `1.5h`. No unit means seconds.
#pragma once

#include <chrono>
#include <string_view>

namespace buzon::clients {

/// Errors: UsageError. Units: us ms s min h d w month y, and their longer forms.
[[nodiscard]] std::chrono::microseconds parse_time_span(std::string_view text);

}  // namespace buzon::clients
