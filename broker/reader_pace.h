// SPDX-License-Identifier: Apache-2.0
// Since when a receiver takes too little of what is queued for it. Whatever it reads buys it time,
// a second for so many bytes: who reads less than that runs up debts like one who reads nothing, so
// that nobody keeps others waiting by taking a message now and then.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "bus/base/event_loop.h"

namespace buzon::broker {

class ReaderPace {
public:
    explicit constexpr ReaderPace(std::int64_t bytes_per_second)
        : bytes_per_second_(bytes_per_second) {}

    /// Its socket has become full. `taken`: where in the stream it has come to, in bytes; give or
    /// take what the kernel needs besides.
    void start(std::int64_t taken, bus::TimePoint now) {
        taken_ = taken;
        behind_since_ = now;
    }
    /// The same, some time later; less than before: no news.
    void note(std::int64_t taken, bus::TimePoint now) {
        if (taken <= taken_) return;
        // Beyond an hour's worth it makes no difference.
        const std::int64_t bytes = std::min(taken - taken_, 3600 * bytes_per_second_);
        taken_ = taken;
        const std::chrono::microseconds bought{bytes * std::micro::den / bytes_per_second_};
        behind_since_ = std::min(now, behind_since_ + bought);
    }
    [[nodiscard]] bus::TimePoint behind_since() const { return behind_since_; }

private:
    std::int64_t bytes_per_second_;
    std::int64_t taken_ = 0;
    bus::TimePoint behind_since_;
};

}  // namespace buzon::broker
