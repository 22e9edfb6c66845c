// SPDX-License-Identifier: Apache-2.0
#include "broker/port_writes.h"

#include <algorithm>

namespace buzon::broker {

void PortWrites::schedule(WritingPort& port) {
    if (!is_fan_out_) {
        port.ListLink<WritingPort>::unlink();
        loop_.at_end_of_turn(port);
        return;
    }
    if (port.is_scheduled()) return;
    put_off(port);
    port.set_behind_fan_out(true);
}

void PortWrites::put_off(WritingPort& port) {
    if (port.is_scheduled()) return;
    port.set_behind_fan_out(false);
    spread_.push_back(port);
    if (!next_turn_.is_linked()) loop_.at_end_of_turn(*this);
}

void PortWrites::run_task() {
    std::size_t bytes = 0;
    for (std::size_t left = kSpreadPerTurn; left > 0 && bytes < kSpreadBytesPerTurn; --left) {
        if (spread_.empty()) return;
        WritingPort& port = spread_.front();
        port.ListLink<WritingPort>::unlink();
        const std::size_t before = port.queued_bytes();
        port.run_task();
        bytes += before - std::min(before, port.queued_bytes());
    }
    if (spread_.empty()) return;
    // Whoever has come back meanwhile, as there was more, is no reason to go on in this turn.
    LoopTask::unlink();
    loop_.in_next_turn(next_turn_);
}

}  // namespace buzon::broker
