// SPDX-License-Identifier: Apache-2.0
// What the kernel calls a process (/proc/PID/stat), if it is the one that is meant. Its name is
// whatever it says: 15 bytes of anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/launcher_protocol.h"
#include "bus/base/file_descriptor.h"

namespace buzon::broker {

struct ProcessStat {
    std::string name;
    std::uint64_t started = 0;  // clock ticks since the machine has started
    friend bool operator==(const ProcessStat&, const ProcessStat&) = default;
};

/// Nothing where it is not of that form.
[[nodiscard]] std::optional<ProcessStat> parse_process_stat(std::string_view text);

/// Empty where it can't be told. `descriptor`, a pidfd, may be empty: then a process that started
/// after `process.connected_at` is another one, which has got its pid.
[[nodiscard]] std::string name_of_process(const ProcessFacts& process,
                                          const bus::FileDescriptor& descriptor);

}  // namespace buzon::broker
