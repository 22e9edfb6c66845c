// SPDX-License-Identifier: Apache-2.0
// Whether charges are what is held: counts what queues, inputs and registries hold, independently
// of all charges, and compares that with each account. For debug builds and for tests.
// To be asked between two turns, when nothing is half done.
// Source: DESIGN, section 5, "nothing is held uncharged".
#pragma once

#include <cstddef>
#include <string>

#include "broker/bus_state.h"
#include "broker/departures.h"
#include "broker/held_messages.h"
#include "broker/match_report.h"
#include "broker/waiting_room.h"
#include "bus/base/event_loop.h"

namespace buzon::broker {

struct AuditReport {
    /// Who, what, charged and held; empty if all is right.
    std::string wrong;
    /// What was looked at: its cost.
    std::size_t steps = 0;
};

/// All that holds something for somebody.
struct AuditedBus {
    const BusState& state;
    const WaitingRoom& waiting_room;
    const HeldMessages& held_messages;
    const Departures& departures;
    const MatchReport& match_report;
};

[[nodiscard]] AuditReport audit(const AuditedBus& bus);

/// Audits the bus at the end of each turn, and stops the process where something is wrong. A large
/// bus is audited in fewer turns, so that no turn costs much more on average.
class TurnAudit final {
public:
    /// What `bus` refers to outlives this.
    explicit TurnAudit(const AuditedBus& bus);
    TurnAudit(const TurnAudit&) = delete;
    TurnAudit& operator=(const TurnAudit&) = delete;
    TurnAudit(TurnAudit&&) = delete;
    TurnAudit& operator=(TurnAudit&&) = delete;
    ~TurnAudit() { bus_.state.loop.set_after_turn(nullptr); }

private:
    void after_turn();

    AuditedBus bus_;
    std::size_t turns_to_skip_ = 0;
};

}  // namespace buzon::broker
