// SPDX-License-Identifier: Apache-2.0
// Senders that are not read because there is no room for more of theirs, and receivers that keep
// them waiting. A sender goes on when every queue that it waits for has room for it again.
// Nobody waits for ever: a receiver that takes nothing for stuck_timeout while others wait for its
// queue is disconnected; of several that wait for each other, the one with the largest queue.
// Source: DESIGN, section 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/bus_state.h"
#include "broker/peer.h"
#include "broker/peer_id.h"
#include "bus/base/event_loop.h"

// Circles. Two programs that send to each other without reading would wait for each other until one
// of them is disconnected, although each may have nothing but the rest of a burst to write before
// it reads. So a sender that would close a circle is read on until what it sends beyond its share
// exceeds an allowance.

namespace buzon::broker {

/// A sender that was not read.
class HeldSenderHandler {
public:
    /// There may be room for what is held of it. False: there is none, and it has been held again.
    virtual bool on_room(Peer& sender) = 0;

protected:
    ~HeldSenderHandler() = default;
};

/// Ends a peer; what follows from that (names, replies) is the broker's affair.
class PeerRetirer {
public:
    virtual void retire(Peer& peer, std::string_view reason) = 0;

protected:
    ~PeerRetirer() = default;
};

struct ThrottleCounts {
    std::uint64_t throttled = 0;     // times that a sender was stopped
    std::uint64_t disconnected = 0;  // receivers that kept others waiting
};

/// A sender that is not read, and why: in whose queues there is no room for it.
struct ThrottledSender {
    PeerId sender;
    std::span<const PeerId> receivers;
    bus::TimePoint since;
    std::uint64_t beyond_share;  // bytes that went through all the same
    bool waits_for_bus;
};

class Throttle final : private bus::LoopTask {
public:
    /// What a sender in a circle may have beyond its shares.
    static constexpr std::uint64_t kCircleAllowance = 256 * 1024;

    Throttle(BusState& state, PeerRetirer& retirer, HeldSenderHandler& handler);

    enum class Reading : std::uint8_t { GoesOn, Stopped };
    /// The queue of `receiver` has no room for `bytes` of `sender`. Stopped: it is not read until
    /// there is. GoesOn: see "Circles"; the message has to be queued beyond its share.
    /// It may wait for its own queue: for what the driver answers.
    Reading hold(Peer& sender, Peer& receiver, std::uint64_t bytes);
    /// The bus has no room for `bytes` of it.
    void hold_for_bus(Peer& sender, std::uint64_t bytes);
    /// It is not read anyway, until its own messages have left: it waits for their receivers.
    void watch(Peer& sender);
    void unwatch(const Peer& sender);
    /// Something has left its queue.
    void on_drained(const Peer& receiver);
    /// It has hung up: what it has sent need not wait for room in queues that others leave free.
    void let_go(const Peer& sender);
    /// It is gone: it waits for nobody, and nobody for it.
    void forget(const Peer& peer);

    /// Since when it is not read; nothing if it is.
    [[nodiscard]] std::optional<bus::TimePoint> held_since(PeerId sender) const;
    /// How many are not read now, or are about to be: see "Circles".
    [[nodiscard]] std::size_t size() const { return held_.size(); }
    /// Each ThrottledSender, in no order.
    template <typename Visitor>
    void for_each_stopped(Visitor&& visit) const {
        for (const auto& [sender, held] : held_)
            if (held.is_stopped)
                visit(ThrottledSender{sender, held.receivers, held.since, held.beyond_share,
                                      held.waits_for_bus});
    }
    [[nodiscard]] const ThrottleCounts& counts() const { return counts_; }

private:
    struct Held {
        std::vector<PeerId> receivers;
        bus::TimePoint since;
        std::uint64_t beyond_share = 0;
        std::uint64_t wanted = 0;  // room for the longest message of those held
        bool waits_for_bus = false;
        bool waits_for_own = false;
        bool is_stopped = false;
        bool is_free = false;  // stands in free_
    };
    struct Queue {
        std::vector<PeerId> senders;
        bool is_drained = false;
    };

    void run_task() override;
    Held& held(Peer& sender);
    void log_throttled(const Peer& sender, const Peer& receiver);
    void stop_reading(Peer& sender, Held& held);
    void settle(PeerId receiver);
    void settle_bus();
    [[nodiscard]] bool leave_queue(PeerId sender, PeerId receiver);
    void release_if_free(PeerId sender);
    [[nodiscard]] static bool is_waiting(const Held& held);
    void release(PeerId sender);
    void leave_all(PeerId sender, Held& record);
    void end_the_dead();
    [[nodiscard]] bool closes_circle(PeerId sender, PeerId receiver) const;

    void look_for_stuck();
    void end_stuck_receivers();
    void end_largest_stuck_queue();
    [[nodiscard]] bool is_stuck(const Peer& receiver) const;
    void end(Peer& receiver, std::string_view whose);

    BusState& state_;
    PeerRetirer& retirer_;
    HeldSenderHandler& handler_;
    bus::Timer watch_;
    std::unordered_map<PeerId, Held> held_;
    std::unordered_map<PeerId, Queue> queues_;
    std::vector<PeerId> drained_;
    std::vector<PeerId> for_bus_;
    std::vector<PeerId> free_;
    ThrottleCounts counts_;
};

}  // namespace buzon::broker
