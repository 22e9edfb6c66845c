// SPDX-License-Identifier: Apache-2.0
#include "broker/name_signals.h"

#include <string>

#include "broker/queue_bounds.h"

namespace buzon::broker {

namespace {

bus::MessageFields driver_signal(std::string_view member, std::string_view signature) {
    return {.type = bus::MessageType::Signal,
            .path = bus::kDriverPath,
            .interface = bus::kDriverName,
            .member = member,
            .signature = signature};
}

}  // namespace

void NameSignals::tell_lost(Peer& peer, std::string_view name) {
    delivery_.start_body().write_string(name);
    delivery_.send_from_driver(peer, driver_signal("NameLost", "s"));
}

void NameSignals::tell_acquired(Peer& peer, std::string_view name) {
    delivery_.start_body().write_string(name);
    delivery_.send_from_driver(peer, driver_signal("NameAcquired", "s"));
}

void NameSignals::tell_all(std::string_view name,
                           std::string_view old_owner,
                           std::string_view new_owner) {
    auto& body = delivery_.start_body();
    body.write_string(name);
    body.write_string(old_owner);
    body.write_string(new_owner);
    delivery_.broadcast_from_driver(driver_signal("NameOwnerChanged", "sss"));
}

void NameSignals::announce(const NameChange& change, Peer* leaving) {
    Peer* old_owner = leaving;
    if (!old_owner && change.old_owner) old_owner = state_.peers.find(*change.old_owner);
    Peer* new_owner = change.new_owner ? state_.peers.find(*change.new_owner) : nullptr;
    if (state_.settings.overrides.destinations.contains(change.name)) {
        if (old_owner) bound_queue(state_, *old_owner);
        if (new_owner) bound_queue(state_, *new_owner);
    }
    if (old_owner) tell_lost(*old_owner, change.name);
    // Whoever is leaving can't be found, but owns the name until that has been told as well.
    const auto text_of = [](std::optional<PeerId> owner) {
        return owner ? std::string(unique_name_of(*owner)) : std::string();
    };
    tell_all(change.name, text_of(change.old_owner), text_of(change.new_owner));
    if (new_owner) tell_acquired(*new_owner, change.name);
}

void NameSignals::announce_connected(Peer& peer) {
    tell_all(peer.unique_name(), "", peer.unique_name());
    tell_acquired(peer, peer.unique_name());
}

void NameSignals::announce_disconnected(Peer& peer) {
    tell_lost(peer, peer.unique_name());
    tell_all(peer.unique_name(), peer.unique_name(), "");
}

}  // namespace buzon::broker
