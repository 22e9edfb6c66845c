// SPDX-License-Identifier: Apache-2.0
// Tells the bus about changes of owners: NameLost, NameOwnerChanged, NameAcquired, in this order.
// Invariant: the registries have changed before; receivers may ask at once and get the new state.
// Source: D-Bus Specification, "Message Bus Messages".
#pragma once

#include <optional>
#include <string_view>

#include "broker/bus_state.h"
#include "broker/delivery.h"

namespace buzon::broker {

class NameSignals {
public:
    NameSignals(BusState& state, Delivery& delivery) : state_(state), delivery_(delivery) {}

    /// A well-known name has another first owner. `leaving`: an old owner who can't be found by
    /// its id any more.
    void announce(const NameChange& change, Peer* leaving = nullptr);
    void announce_connected(Peer& peer);
    /// NameLost is not delivered to one that has retired, but monitors see it.
    void announce_disconnected(Peer& peer);

private:
    void tell_lost(Peer& peer, std::string_view name);
    void tell_acquired(Peer& peer, std::string_view name);
    void tell_all(std::string_view name, std::string_view old_owner, std::string_view new_owner);

    BusState& state_;
    Delivery& delivery_;
};

}  // namespace buzon::broker
