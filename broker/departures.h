// SPDX-License-Identifier: Apache-2.0
// What a peer that has gone leaves behind is taken from the bus: its rules, its places behind other
// owners, its names from the last to the first, its unique name; then those who wait for its
// replies get errors; last, rules of others that mention it. Where it is much, it goes on over
// several turns, on the time of the one who left; nobody finds it then, but what is left counts.
// What listeners are told is at his cost, too, and goes on as there is room, up to stuck_timeout;
// of a few names in any case. Invariant: a peer that leaves is kept until all of that is done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "broker/bus_state.h"
#include "broker/delivery.h"
#include "broker/name_signals.h"
#include "broker/quota/fair_turns.h"

namespace buzon::broker {

class Departures {
public:
    /// Of rules, names and awaited replies together, of rules of others, and of what is queued:
    /// what is withdrawn at once.
    static constexpr std::size_t kAtOnce = 256;

    Departures(BusState& state, Delivery& delivery, NameSignals& name_signals, FairTurns& turns)
        : state_(state), delivery_(delivery), name_signals_(name_signals), turns_(turns) {}

    /// `peer` has retired and was active until then.
    void begin(std::unique_ptr<Peer> peer);
    /// The same for one that was a monitor, and has left nothing behind but its queue.
    void begin_with_queue(std::unique_ptr<Peer> peer);
    /// Each call to `callee` that waits for a reply gets an error; of `most` of them. False: there
    /// are more.
    bool answer_for(const Peer& callee, std::size_t most);

    /// Those who are leaving, in no order.
    template <typename Visitor>
    void for_each(Visitor&& visit) const {
        for (const auto& [id, departure] : leaving_)
            visit(departure->peer());
    }
    [[nodiscard]] std::size_t size() const { return leaving_.size(); }

private:
    class Departure final : public bus::Disposable, private TurnTaker {
    public:
        /// Places before names: of many who leave at once, none shall inherit what another owned.
        /// What others can make as much as they like comes when nobody waits for the rest.
        enum class Phase : std::uint8_t {
            Rules,
            Places,
            Names,
            Calls,
            Replies,
            Mentions,
            Queue,
            Gone
        };

        Departure(Departures& departures, std::unique_ptr<Peer> peer, Phase first);
        Departure(const Departure&) = delete;
        Departure& operator=(const Departure&) = delete;
        Departure(Departure&&) = delete;
        Departure& operator=(Departure&&) = delete;
        ~Departure() override { FairTurns::leave(*this); }

        void start() { departures_.turns_.wait(*this); }
        /// As much as is done in a part of a turn, whoever listens; of rules of others and of the
        /// queue, some. True: nothing is left.
        bool hurry();
        [[nodiscard]] std::size_t step() const;
        /// Withdraws some `most` pieces. True: nothing is left.
        bool go_on(std::size_t most);
        [[nodiscard]] Peer& peer() const { return *peer_; }

    private:
        /// What the driver has to say when the names go has room on the bus, or has waited long
        /// enough for that.
        [[nodiscard]] bool may_go_on();
        Turn take_turn(std::size_t budget) override;
        void withdraw_rules(std::size_t most);
        void leave_queues(std::size_t most);
        void withdraw_names(std::size_t most);
        void forget_calls(std::size_t most);
        void answer_callers(std::size_t most);
        void withdraw_mentions(std::size_t most);
        void empty_queue(std::size_t most);

        Departures& departures_;
        std::unique_ptr<Peer> peer_;
        std::optional<std::string> next_place_;  // or a name: what is looked at next
        Phase phase_;
        std::size_t mentions_left_ = 0;  // at most
        std::optional<bus::TimePoint> waits_since_;
        bus::Timer retry_;
    };

    void begin_at(std::unique_ptr<Peer> peer, Departure::Phase first);
    void finish(PeerId id);
    /// One who is there, or is leaving, too; null where it is neither.
    [[nodiscard]] Peer* find(PeerId id) const;

    BusState& state_;
    Delivery& delivery_;
    NameSignals& name_signals_;
    FairTurns& turns_;
    std::unordered_map<PeerId, std::unique_ptr<Departure>> leaving_;
};

}  // namespace buzon::broker
