// SPDX-License-Identifier: Apache-2.0
// How long the queue of each receiver may become: as the configuration says for everybody, or for
// the names that it owns. See policy::limits_of_destination().
#pragma once

#include "broker/bus_state.h"

namespace buzon::broker {

/// For one that has got or lost a name, after the registry has changed. What is in its queue stays,
/// and stays in the shares that it was charged to.
void bound_queue(BusState& state, Peer& peer);

/// For all, by the limits that are in force now: after a reload.
void bound_all_queues(BusState& state);

}  // namespace buzon::broker
