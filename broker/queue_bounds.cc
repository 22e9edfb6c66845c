// SPDX-License-Identifier: Apache-2.0
#include "broker/queue_bounds.h"

#include <string_view>
#include <vector>

namespace buzon::broker {

namespace {

/// The names of `peer` that may have bounds of their own; whoever owns many does not make this
/// expensive.
std::vector<std::string_view> names_that_matter(const BusState& state, const Peer& peer) {
    const auto& destinations = state.settings.overrides.destinations;
    const auto owned = state.names.owned_by(peer.id());
    if (owned.size() <= destinations.size()) return {owned.begin(), owned.end()};
    std::vector<std::string_view> names;
    for (const auto& [name, settings] : destinations)
        if (state.names.owner_of(name) == peer.id()) names.push_back(name);
    return names;
}

}  // namespace

void bound_queue(BusState& state, Peer& peer) {
    const Settings& settings = state.settings;
    const PortLimits bounds = port_limits(policy::limits_of_destination(
        settings.limits, settings.overrides, names_that_matter(state, peer)));
    if (bounds == peer.port().limits()) return;
    const bool is_standard = bounds == state.port_pools->limits();
    peer.port().set_pools(is_standard ? state.port_pools : bus::make_ref<PortPools>(bounds));
}

void bound_all_queues(BusState& state) {
    state.port_pools = bus::make_ref<PortPools>(port_limits(state.settings.limits));
    state.peers.for_each([&](Peer& peer) { peer.port().set_pools(state.port_pools); });
    for (const auto& [name, settings] : state.settings.overrides.destinations) {
        const auto owner = state.names.owner_of(name);
        Peer* const peer = owner ? state.peers.find(*owner) : nullptr;
        if (peer) bound_queue(state, *peer);
    }
}

}  // namespace buzon::broker
