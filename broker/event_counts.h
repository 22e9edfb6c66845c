// SPDX-License-Identifier: Apache-2.0
// What has happened since the bus started, for those who look at it. Every figure only grows.
// Times that a sender was stopped, and receivers that kept others waiting, are in Throttle.
#pragma once

#include <cstdint>

namespace buzon::broker {

struct EventCounts {
    std::uint64_t messages = 0;                // read from connections, whole and valid
    std::uint64_t refused_calls = 0;           // answered with LimitsExceeded
    std::uint64_t replaced_replies = 0;        // the caller got an error in their place
    std::uint64_t dropped_messages = 0;        // of senders that were disconnected
    std::uint64_t disconnected_receivers = 0;  // did not read what was for them, monitors too
    std::uint64_t refused_connections = 0;     // for lack of room
    std::uint64_t delayed_connections = 0;     // of programs that connect too fast
};

}  // namespace buzon::broker
