// SPDX-License-Identifier: Apache-2.0
// How much memory a bus uses: the resident memory of its process and of that one's children. The
// kernel's share, such as what lies in sockets, is not in it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace buzon::flood {

struct MemoryUse {
    std::size_t now = 0;
    std::size_t peak = 0;  // since the process started, or since it was told to begin again
};

/// From the text of /proc/PID/status; absent for a process that has ended.
[[nodiscard]] std::optional<MemoryUse> parse_status(std::string_view text);

class MemoryWatch {
public:
    /// Of `bus` and the children that it has now. Growth counts from here.
    explicit MemoryWatch(pid_t bus);

    /// Looks; absent: the bus has ended. Bytes in use now.
    std::optional<std::size_t> sample();
    /// The most that was in use at once, less what was in use at the beginning.
    [[nodiscard]] std::size_t growth() const { return peak_ > before_ ? peak_ - before_ : 0; }
    [[nodiscard]] std::size_t growth_now() const { return now_ > before_ ? now_ - before_ : 0; }

    /// How many descriptors the bus has open now.
    [[nodiscard]] std::size_t descriptors() const;

private:
    std::vector<pid_t> processes_;  // the bus first
    std::size_t before_ = 0;
    std::size_t now_ = 0;
    std::size_t peak_ = 0;
};

}  // namespace buzon::flood
