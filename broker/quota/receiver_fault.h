// SPDX-License-Identifier: Apache-2.0
// Who is at fault when a message finds no room, and what happens then.
// A pure decision: plain values in, a remedy out. Times are of a monotonic clock.
// It is asked only when there is no room, so a stopped process to which nobody sends lives on.
// Source: DESIGN, section 5, "Who is at fault?" and the table below it.
#pragma once

#include <chrono>
#include <cstdint>

namespace buzon::broker {

enum class MessageUse : std::uint8_t {
    Call,       // its sender expects a reply
    OneWay,     // a call without reply, or a signal to one receiver
    Broadcast,  // a signal to all who subscribe
    Reply,
};

/// What is used up.
enum class Exhausted : std::uint8_t {
    SenderShare,    // the sender's part of this receiver's queue
    ReceiverBound,  // the whole queue
    SenderAccount,  // what the sender may have on the bus, in all queues together
};

/// The one receiver in question, in bytes or descriptors: whichever has run out.
struct ReceiverState {
    std::uint64_t queued;
    std::uint64_t bound;
    /// Since its socket last took something, or since its queue was last empty.
    std::chrono::milliseconds since_drained;
    /// It has read less than a keen reader would for longest_pause(): see Port::lagging_for().
    bool is_lagging = false;
};

/// Of a broadcast. Count principals, not connections, so that nobody is a majority by connecting
/// often.
struct Subscribers {
    std::uint64_t all;
    std::uint64_t keeping_up;  // keeps_up() of any of its connections
};

[[nodiscard]] constexpr bool do_most_keep_up(const Subscribers& subscribers) {
    return subscribers.keeping_up > subscribers.all - subscribers.keeping_up;
}

struct Congestion {
    MessageUse use;
    Exhausted exhausted;
    ReceiverState receiver;
    Subscribers subscribers{};
    /// The sender is root or the owner of the bus, and the receiver is neither.
    bool sender_outranks_receiver = false;
    std::chrono::milliseconds stuck_timeout;
};

enum class Remedy : std::uint8_t {
    /// LimitsExceeded to the caller; nothing is queued.
    RefuseCall,
    /// An error in the place of the reply goes to the one who waits for it.
    ReplaceReply,
    /// The sender is not read until there is room; then the message is tried again.
    ThrottleSender,
    /// The same, but it is tried again soon, room or not: some of the subscribers have what the
    /// sender may have. Those of them who stays_behind(), and have most of it, are to blame.
    AwaitOthers,
    /// After a last attempt to write its queue; logged and counted. The others are not concerned.
    DisconnectReceiver,
    /// PortShares::force(): until its bound is reached the receiver gets time to catch up, at
    /// nobody's cost but that of others who send to it.
    QueueBeyondShare,
};

/// At most an eighth of its bound is queued. No share is full then, as a quarter of each queue is
/// free to all.
[[nodiscard]] constexpr bool has_short_queue(const ReceiverState& receiver) {
    return receiver.queued <= receiver.bound / 8;
}

/// It is not behind. What a sender may have on the bus is used up by many short queues that nobody
/// reads as well, so length is not all.
[[nodiscard]] constexpr bool keeps_up(const ReceiverState& receiver) {
    return has_short_queue(receiver) && !receiver.is_lagging;
}

/// How long one that reads nothing, or little, may keep a broadcaster waiting that most others keep
/// up with, if all that this one may have on the bus is used up. So a flood, which does that in no
/// time, doesn't end who has paused for a moment, nor who reads what he can.
[[nodiscard]] constexpr std::chrono::milliseconds longest_pause(
    std::chrono::milliseconds stuck_timeout) {
    return stuck_timeout / 20;
}

[[nodiscard]] constexpr bool stays_behind(const ReceiverState& receiver,
                                          bool sender_outranks_receiver) {
    return receiver.is_lagging || (sender_outranks_receiver && !has_short_queue(receiver));
}

[[nodiscard]] Remedy remedy_for(const Congestion& congestion);

}  // namespace buzon::broker
