// SPDX-License-Identifier: Apache-2.0
// After a new policy has come into force: peers take their rules from it one after the other, then
// the old one is freed, rule by rule, while the bus goes on.
// Judgements do not wait for that: Judge asks every peer for its rules of the policy in force. This
// only makes sure that an old policy does not live on with peers that nobody asks.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "broker/bus_state.h"
#include "broker/peer_id.h"
#include "bus/base/event_loop.h"
#include "policy/policy_compilation.h"

namespace buzon::broker {

class PolicySuccession final : private bus::LoopTask {
public:
    explicit PolicySuccession(BusState& state) : state_(state) {}

    /// `former` has just been replaced in the settings.
    void begin(bus::Ref<const policy::PolicySet> former);

private:
    void run_task() override;
    [[nodiscard]] bool is_over() const { return heirs_.empty() && former_.empty() && !remains_; }
    void move_peers();
    void free_rules();

    BusState& state_;
    std::vector<PeerId> heirs_;
    std::deque<bus::Ref<const policy::PolicySet>> former_;
    std::unique_ptr<policy::PolicyRemains> remains_;
};

}  // namespace buzon::broker
