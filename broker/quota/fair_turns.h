// SPDX-License-Identifier: Apache-2.0
// Who is served next: deficit round-robin over a tree, so that time is shared among users first,
// then among the programs of each, then among their connections, however many these are.
// Work is counted in units of some nanoseconds: a byte read is one, and so on (see peer_input.cc).
// A turn of the loop serves until its budget is used up; who is left waits for the next turn.
// Invariant: a share stands in its parent's list while it, or one below it, has work to do.
// Source: Shreedhar and Varghese, "Efficient Fair Queuing Using Deficit Round-Robin".
#pragma once

#include <cstddef>
#include <cstdint>

#include "bus/base/event_loop.h"
#include "bus/base/intrusive_list.h"

// Each list is a ring. Whoever comes goes to its end, with a quantum of credit. The first one of
// the root's ring may be served while it has credit; whoever has none left gets another quantum and
// goes to the end. In the ring of the one chosen the same holds, down to a peer. What the peer then
// costs is taken from the credit of all on the way. A cost may exceed the credit, as it is known
// only afterwards: the debt is worked off in rounds left out.
//
// The guarantee. Of n shares with work in a ring, each gets a n-th of what the ring gets, give or
// take a quantum and the largest single cost, over any time. So one with little to do waits for at
// most one quantum of each of its siblings, at each level.

namespace buzon::broker {

/// A place in the tree.
class TurnShare : public bus::ListLink<TurnShare> {
public:
    [[nodiscard]] const TurnShare* parent() const { return parent_; }
    /// Only while nothing waits in or below it.
    void set_parent(TurnShare* parent) { parent_ = parent; }
    /// It, or one below it, has work to do.
    [[nodiscard]] bool is_waiting() const { return is_linked(); }

protected:
    enum class Role : std::uint8_t { Group, Taker };
    TurnShare(TurnShare* parent, Role role) : parent_(parent), role_(role) {}
    ~TurnShare() = default;

private:
    friend class FairTurns;

    TurnShare* parent_;
    std::int64_t credit_ = 0;
    Role role_;
    bus::IntrusiveList<TurnShare, TurnShare> waiting_;
};

/// A user or a program.
class TurnGroup final : public TurnShare {
public:
    explicit TurnGroup(TurnShare* parent) : TurnShare(parent, Role::Group) {}
};

/// One that does work.
class TurnTaker : public TurnShare {
public:
    enum class Left : std::uint8_t { Nothing, More };
    struct Turn {
        std::size_t cost;
        Left left;
    };

    explicit TurnTaker(TurnShare* parent) : TurnShare(parent, Role::Taker) {}
    /// Works until about `budget` is used up or nothing is left.
    virtual Turn take_turn(std::size_t budget) = 0;

protected:
    ~TurnTaker() = default;
};

class FairTurns final : private bus::LoopTask {
public:
    /// Of one turn of the loop: about a millisecond.
    static constexpr std::size_t kTurnBudget = std::size_t{1} << 18;
    /// So that more than one is served in a turn.
    static constexpr std::size_t kQuantum = kTurnBudget / 2;

    explicit FairTurns(bus::EventLoop& loop) : loop_(loop), next_turn_(*this) {}

    [[nodiscard]] TurnShare& root() { return root_; }
    /// `taker` has work to do: it is served in this turn of the loop or in a later one.
    void wait(TurnTaker& taker);
    /// It has none any more.
    static void leave(TurnTaker& taker);

private:
    /// Comes back at the end of the next turn, which does not sleep.
    class NextTurn final : public bus::LoopTask {
    public:
        explicit NextTurn(FairTurns& turns) : turns_(turns) {}
        void run_task() override { turns_.loop_.at_end_of_turn(turns_); }

    private:
        FairTurns& turns_;
    };

    void run_task() override;
    [[nodiscard]] TurnTaker& choose();
    static void bill(TurnShare& share, std::size_t cost);

    bus::EventLoop& loop_;
    NextTurn next_turn_;
    TurnGroup root_{nullptr};
};

}  // namespace buzon::broker
