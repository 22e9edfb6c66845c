// SPDX-License-Identifier: Apache-2.0
// Senders that are not read because there is no room for more of theirs, and receivers that keep
// them waiting. A sender goes on when every queue that it waits for has room for it again.
// Nobody waits for ever: a receiver that takes nothing for stuck_timeout while others wait for its
// queue is disconnected; of several that wait for each other, the one with the largest queue.
// Source: DESIGN, section 5.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/bus_line.h"
#include "broker/bus_state.h"
#include "broker/peer.h"
#include "broker/peer_id.h"
#include "broker/wait_graph.h"
#include "bus/base/event_loop.h"

// Circles. Two programs that send to each other without reading would wait for each other until one
// of them is disconnected, although each may have nothing but the rest of a burst to write before
// it reads. So a sender that would close a circle is read on until what it sends beyond its share
// exceeds an allowance.

// Many. A thousand senders may wait for one queue. So everything here is done for a bounded number
// of them in a turn: those next in line are asked whether there is room, and go to the end of their
// queue if not; who is free goes on in one of the next turns.

namespace buzon::broker {

/// A sender that was not read.
class HeldSenderHandler {
public:
    /// There may be room for what is held of it. False: there is none, and it has been held again.
    virtual bool on_room(Peer& sender) = 0;
    /// What on_room() has cost so far, in the units of FairTurns.
    [[nodiscard]] virtual std::uint64_t work() const = 0;

protected:
    ~HeldSenderHandler() = default;
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
    bool waits_for_bus;          // until messages of its program have left, in whosever queue
};

class Throttle final : private bus::LoopTask {
public:
    /// What a sender in a circle may have beyond its shares.
    static constexpr std::uint64_t kCircleAllowance = 256 * 1024;
    /// Those who wait for queues, whether there is room for them.
    static constexpr std::size_t kMostAskedInATurn = 128;

    Throttle(BusState& state, HeldSenderHandler& handler);

    enum class Reading : std::uint8_t { GoesOn, Stopped };
    /// The queue of `receiver` has no room for `message` of `sender`. Stopped: it is not read until
    /// there is. GoesOn: see "Circles"; the message has to be queued beyond its share.
    /// It may wait for its own queue: for what the driver answers.
    Reading hold(Peer& sender, Peer& receiver, const Room& message);
    /// The bus has no room for so much more of it.
    /// `overdraft`: whether it gets that by one, too, as to_one() and PeerInput do; or it would be
    /// asked again and again.
    enum class Overdraft : bool { No, Yes };
    void hold_for_bus(Peer& sender, const Room& wanted, Overdraft overdraft);
    /// It has just been held, but not for long, whether there is room then or not.
    void ask_again_soon(const Peer& sender);
    /// It is not read any more, until its own messages have left: it waits for their receivers.
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
            if (held.is_stopped || held.waits_for_own)
                visit(ThrottledSender{sender, waits_.receivers_of(sender), held.since,
                                      held.beyond_share, held.waits_for_bus || held.waits_for_own});
    }
    [[nodiscard]] const ThrottleCounts& counts() const { return counts_; }
    /// How often has been asked whether there is room in a queue: what waiting costs, as a number
    /// to test.
    [[nodiscard]] std::uint64_t asked() const { return asked_; }

private:
    struct Held {
        bus::TimePoint since;
        std::uint64_t beyond_share = 0;
        Room wanted;                   // for the longest message of those held
        BusLine::Place place_for_bus;  // while it waits_for_bus
        bool waits_for_bus = false;
        bool waits_for_own = false;
        bool may_overdraw = true;
        bool is_stopped = false;
        bool is_asked_again = false;
        bool is_free = false;  // stands in free_
    };
    // How often receivers are looked at that others wait for.
    static constexpr bus::Duration kWatchInterval = std::chrono::seconds(1);

    /// What was left over goes on at the end of the next turn, which does not sleep.
    class NextTurn final : public bus::LoopTask {
    public:
        explicit NextTurn(Throttle& throttle) : throttle_(throttle) {}
        void run_task() override { throttle_.go_on_in_new_turn(); }

    private:
        Throttle& throttle_;
    };

    void run_task() override;
    void go_on_in_new_turn();
    Held& held(Peer& sender);
    [[nodiscard]] bool is_news(const Peer& sender);
    void log_throttled(const Peer& sender, const Peer& receiver);
    void log_throttled_by_bus(const Peer& sender, const Room& wanted);
    bool stop_reading(Peer& sender, Held& held);
    void settle(PeerId receiver);
    void settle_bus();
    void release_if_free(PeerId sender);
    [[nodiscard]] static bool has_room_to_go_on(const Peer& sender, const Held& held);
    [[nodiscard]] bool is_waiting(PeerId sender, const Held& held) const;
    void release(PeerId sender);
    void go_on(Peer& sender);
    void leave_all(PeerId sender, Held& record);
    void end_the_dead(const std::vector<PeerId>& senders);
    [[nodiscard]] bool closes_circle(Peer& sender, const Peer& receiver) const;

    void look_for_stuck();
    void watch_on();
    [[nodiscard]] std::vector<PeerId> senders_behind(PeerId after) const;
    void ask_again(const std::vector<PeerId>& senders);
    void end_stuck_receivers(const std::vector<PeerId>& receivers);
    /// Whose messages are looked for in queues.
    enum class Search : bool { Program, Sender };
    void end_those_without_motion();
    bool end_who_keeps_waiting(PeerId id, Search search);
    [[nodiscard]] bool waits_without_motion(PeerId sender) const;
    /// One who reads nothing, and so much it has of somebody.
    struct Stuck {
        Peer* peer;
        std::uint64_t bytes;
    };
    /// Those who have something of a sender, or of its program. A stopped process with one message
    /// of it is not ended in vain while others have the rest, who take something now and then.
    struct Holders {
        std::vector<Stuck> stuck;
        std::uint64_t bytes_of_stuck = 0;
        std::uint64_t bytes = 0;  // of all, stuck or not
    };
    [[nodiscard]] Holders holders_of(const Peer& sender, Search search) const;
    void end_who_keeps_the_loan(const Peer& sender);
    [[nodiscard]] std::vector<Peer*> to_blame(const std::vector<Stuck>& all) const;
    [[nodiscard]] static std::vector<Peer*> with_largest_queue(const std::vector<Stuck>& all);
    [[nodiscard]] bool is_stuck(const Peer& receiver) const;
    void end(Peer& receiver, std::string_view whose);

    BusState& state_;
    HeldSenderHandler& handler_;
    bus::Timer watch_;
    std::map<PeerId, Held> held_;
    std::unordered_map<PeerId, bus::TimePoint> last_stops_;
    WaitGraph waits_;
    std::set<PeerId> drained_;
    BusLine for_bus_;
    std::deque<PeerId> free_;
    // Where the watch has come to.
    PeerId last_receiver_{};
    PeerId last_sender_{};
    PeerId last_searched_for_{};  // of those at their own limit
    ThrottleCounts counts_;
    std::uint64_t asked_ = 0;
    std::size_t may_ask_ = kMostAskedInATurn;
    bool is_asking_soon_ = false;  // the watch comes earlier
    std::uint64_t work_owed_ = 0;
    NextTurn next_turn_{*this};
};

}  // namespace buzon::broker
