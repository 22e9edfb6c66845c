// SPDX-License-Identifier: Apache-2.0
// How long the turns of a loop took: a histogram that only grows.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace buzon::bus {

class TurnLengths {
public:
    using Duration = std::chrono::nanoseconds;

    /// The longest that belongs into each bucket; one more bucket follows, for what is longer.
    static constexpr auto kBounds = [] {
        using namespace std::chrono_literals;
        return std::array<std::chrono::microseconds, 13>{
            100us, 250us, 500us, 1ms, 2500us, 5ms, 10ms, 25ms, 50ms, 100ms, 250ms, 500ms, 1s};
    }();

    void add(Duration length) {
        std::size_t bucket = 0;
        while (bucket < kBounds.size() && length > kBounds[bucket])
            ++bucket;
        ++counts_[bucket];
        total_ += length;
    }

    /// Of each bucket by itself.
    [[nodiscard]] const std::array<std::uint64_t, kBounds.size() + 1>& counts() const {
        return counts_;
    }
    [[nodiscard]] Duration total() const { return total_; }

private:
    std::array<std::uint64_t, kBounds.size() + 1> counts_{};
    Duration total_{};
};

}  // namespace buzon::bus
