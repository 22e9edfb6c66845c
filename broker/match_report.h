// SPDX-License-Identifier: Apache-2.0
// The answer of GetAllMatchRules. There may be millions of rules: then it is written over several
// turns, on the time of the caller, who is not read meanwhile, so that his answers keep their
// order. One is written at a time; others who ask stand in line, programs by turns. A small one is
// given at once. Rules and connections that are there all the while are in it, once; those that
// come or go meanwhile may be. Invariant: what is held of it between turns is charged to the
// caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "broker/answer_line.h"
#include "broker/bus_state.h"
#include "broker/delivery.h"
#include "broker/match_index.h"
#include "broker/quota/charge.h"
#include "broker/quota/fair_turns.h"
#include "bus/block_writer.h"

namespace buzon::broker {

class MatchReport {
public:
    /// Of rules and connections together: what is written at once.
    static constexpr std::size_t kAtOnce = 256;

    MatchReport(BusState& state, Delivery& delivery, FairTurns& turns, bus::BlockPool& pool)
        : state_(state), delivery_(delivery), turns_(turns), pool_(pool) {}

    /// `serial`: of the call. No other call of the caller is read before it is answered.
    void ask(Peer& caller, std::uint32_t serial);
    /// It has gone, or nobody reads its answers any more: it gets none, and waits for none.
    void forget(Peer& caller);

    /// Who waits for an answer.
    [[nodiscard]] std::size_t waiting_count() const { return line_.size() + (now_ ? 1 : 0); }
    /// What is held of answers: `visit(const Peer& caller, bytes)`.
    template <typename Visitor>
    void for_each_held(Visitor&& visit) const {
        if (now_) visit(now_->caller(), now_->held_bytes());
    }

private:
    enum class Pace : std::uint8_t { AtOnce, OverTurns };

    class Answer final : public bus::Disposable, private TurnTaker {
    public:
        Answer(MatchReport& report, Peer& caller, std::uint32_t serial, Pace pace);
        Answer(const Answer&) = delete;
        Answer& operator=(const Answer&) = delete;
        Answer(Answer&&) = delete;
        Answer& operator=(Answer&&) = delete;
        ~Answer() override { FairTurns::leave(*this); }

        void start() { report_.turns_.wait(*this); }
        /// Writes until about `budget` is used up, or it is complete or has failed: true.
        bool write_on(std::size_t budget);
        /// The answer, or the error in its place. Nothing is held afterwards.
        void send();
        /// Nobody wants it any more. Nothing is held afterwards.
        void give_up();
        [[nodiscard]] Peer& caller() const { return caller_; }
        [[nodiscard]] std::uint64_t held_bytes() const;
        /// So far.
        [[nodiscard]] std::size_t cost() const { return cost_; }

    private:
        enum class Phase : std::uint8_t { Start, Connections, Rules, Over };

        Turn take_turn(std::size_t budget) override;
        void begin();
        void begin_connection();
        void write_rule();
        /// False: it has failed.
        bool make_room(std::size_t bytes);
        bool cover(std::uint64_t bytes);
        void fail(std::string_view error_name, std::string text);

        MatchReport& report_;
        Peer& caller_;
        std::uint32_t serial_;
        Pace pace_;
        Phase phase_ = Phase::Start;
        std::vector<PeerId> connections_;  // still to be written
        MatchIndex::RuleCursor cursor_;
        bus::BlockWriter body_;
        bus::WireWriter::ArrayMark all_{}, rules_{};
        Charge charge_;
        std::optional<ErrorReply> error_;
        std::size_t cost_ = 0;
    };

    void finish();
    void begin_next();

    BusState& state_;
    Delivery& delivery_;
    FairTurns& turns_;
    bus::BlockPool& pool_;
    std::unique_ptr<Answer> now_;
    AnswerLine line_;
};

}  // namespace buzon::broker
