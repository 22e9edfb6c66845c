// SPDX-License-Identifier: Apache-2.0
// Calls that have waited for their reply for reply_timeout get an error in its place.
// Very many may be over their time at once: they are answered over several turns, each on the time
// of its caller; a reply that comes before that is still one.
#pragma once

#include <cstddef>

#include "broker/bus_state.h"
#include "broker/delivery.h"
#include "bus/base/event_loop.h"

namespace buzon::broker {

class ReplyTimeouts final : private bus::LoopTask {
public:
    /// What is answered in one turn.
    static constexpr std::size_t kAtOnce = 256;

    ReplyTimeouts(BusState& state, Delivery& delivery)
        : state_(state), delivery_(delivery), timer_(state.loop, [this] { expire(); }) {}

    /// Somebody may wait now.
    void on_call() {
        if (state_.settings.limits.reply_timeout && !timer_.is_armed() && !is_linked()) arm();
    }
    /// The timeout is another one.
    void on_new_limits() {
        if (!is_linked()) arm();
    }

private:
    void run_task() override { expire(); }
    void arm();
    void expire();

    BusState& state_;
    Delivery& delivery_;
    bus::Timer timer_;
};

}  // namespace buzon::broker
