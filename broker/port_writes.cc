// SPDX-License-Identifier: Apache-2.0
#include "broker/port_writes.h"

namespace buzon::broker {

void PortWrites::schedule(WritingPort& port) {
    if (!is_fan_out_) {
        port.ListLink<WritingPort>::unlink();
        loop_.at_end_of_turn(port);
        return;
    }
    if (port.is_scheduled()) return;
    spread_.push_back(port);
    if (!next_turn_.is_linked()) loop_.at_end_of_turn(*this);
}

void PortWrites::run_task() {
    for (std::size_t left = kSpreadPerTurn; left > 0 && !spread_.empty(); --left) {
        WritingPort& port = spread_.front();
        port.ListLink<WritingPort>::unlink();
        port.run_task();
    }
    if (!spread_.empty()) loop_.in_next_turn(next_turn_);
}

}  // namespace buzon::broker
