// SPDX-License-Identifier: Apache-2.0
// What the kernel counts for this process, under the names that all programs use for it. What it
// needs from /proc is opened once, so that nothing stands in the way later: no rights, no room.
// Source: proc(5), getrusage(2). The number of open descriptors: Linux 6.2.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/metrics/openmetrics_writer.h"
#include "bus/base/file_descriptor.h"

namespace buzon::broker {

struct MemoryPages {
    std::uint64_t all = 0;
    std::uint64_t resident = 0;
};

/// Of a text as in /proc/self/statm.
[[nodiscard]] std::optional<MemoryPages> parse_memory_pages(std::string_view text);

class ProcessFigures {
public:
    /// What can't be opened is not shown.
    ProcessFigures();

    void write(OpenMetricsWriter& out) const;

private:
    void write_memory(OpenMetricsWriter& out) const;
    void write_descriptors(OpenMetricsWriter& out) const;

    bus::FileDescriptor memory_;
    bus::FileDescriptor descriptors_;
    std::optional<double> started_at_;
};

}  // namespace buzon::broker
