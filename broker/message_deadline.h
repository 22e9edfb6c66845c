// SPDX-License-Identifier: Apache-2.0
// Until when a message that comes in parts has to be whole: after message_timeout without a part,
// and after message_timeout and a second for each 16 KiB in any case, so that nobody holds what a
// message takes by sending a byte now and then. Time in which its sender is not read does not
// count.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "bus/base/event_loop.h"

namespace buzon::broker {

class MessageDeadline {
public:
    /// Who sends more slowly than this is ended.
    static constexpr std::size_t kSlowestBytesPerSecond = 16 * 1024;

    /// A part of the message with that number has come, and not its end.
    void on_part(std::uint64_t message, bus::TimePoint now) {
        if (message_ != message) {
            message_ = message;
            running_since_ = now;
            spent_ = bus::Duration::zero();
        }
        last_part_ = now;
    }
    /// Its sender is not read from now on, or is again.
    void pause(bus::TimePoint now) { spent_ += now - running_since_; }
    void resume(bus::TimePoint now) { running_since_ = last_part_ = now; }

    /// `bytes`: how long the message is, as far as that is known.
    [[nodiscard]] bus::TimePoint due(std::size_t bytes, std::chrono::milliseconds timeout) const {
        return std::min(last_part_ + timeout, whole_due(bytes, timeout));
    }
    /// What allowed() bounds has been used up, however little time there was between two parts.
    [[nodiscard]] bool is_too_slow(std::size_t bytes,
                                   std::chrono::milliseconds timeout,
                                   bus::TimePoint now) const {
        return whole_due(bytes, timeout) <= now;
    }
    [[nodiscard]] static std::chrono::milliseconds allowed(std::size_t bytes,
                                                           std::chrono::milliseconds timeout) {
        return timeout + std::chrono::milliseconds(bytes * 1000 / kSlowestBytesPerSecond);
    }

private:
    [[nodiscard]] bus::TimePoint whole_due(std::size_t bytes,
                                           std::chrono::milliseconds timeout) const {
        return running_since_ - spent_ + allowed(bytes, timeout);
    }

    std::optional<std::uint64_t> message_;
    bus::TimePoint running_since_;
    bus::TimePoint last_part_;
    bus::Duration spent_{};
};

}  // namespace buzon::broker
