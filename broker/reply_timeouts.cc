// SPDX-License-Identifier: Apache-2.0
#include "broker/reply_timeouts.h"

namespace buzon::broker {

void ReplyTimeouts::arm() {
    timer_.disarm();
    if (const auto deadline = state_.replies.next_deadline()) timer_.arm(*deadline);
}

void ReplyTimeouts::expire() {
    const auto answer = [this](const AwaitedReply& awaited) {
        Peer* const caller = state_.peers.find(awaited.caller);
        if (!caller) return;
        caller->holdings().lower(Resource::PendingReplies,
                                 state_.replies.count_of_caller(awaited.caller));
        delivery_.work_for(caller);
        delivery_.send_error(*caller, awaited.serial, bus::error_name::kNoReply,
                             "Message did not receive a reply (timeout by message bus)");
    };
    const bool is_done = state_.replies.expire(state_.loop.now(), kAtOnce, answer);
    delivery_.work_for(nullptr);
    if (is_done) {
        arm();
    } else {
        state_.loop.in_next_turn(*this);
    }
}

}  // namespace buzon::broker
