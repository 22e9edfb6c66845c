// SPDX-License-Identifier: Apache-2.0
#include "broker/bus_sockets.h"

#include <fmt/format.h>

#include <stdexcept>

namespace buzon::broker {

BusSockets::BusSockets(LauncherClient& launcher,
                       const std::optional<std::string>& address,
                       const std::vector<ListenAddress>& listen) {
    if (address) {
        bind(launcher, *address);
        return;
    }
    for (const auto& [text, place] : listen) {
        try {
            bind(launcher, text);
        } catch (const std::runtime_error& error) {
            throw std::runtime_error(fmt::format("{}: {}", place, error.what()));
        }
    }
}

void BusSockets::bind(LauncherClient& launcher, const std::string& address) {
    auto [sockets, files] = launcher.bind(address);
    files_.insert(files_.end(), files.begin(), files.end());
    entries_.push_back({std::move(sockets), bus::generate_guid()});
}

void BusSockets::listen(Broker& broker) {
    for (Entry& entry : entries_) {
        for (bus::BoundSocket& bound : entry.sockets) {
            const auto listening = bus::start_listening(bound);
            if (!listening) throw std::runtime_error(bus::describe(listening.error()));
            broker.add_listener(std::move(bound.socket), entry.guid);
        }
    }
}

std::string BusSockets::address() const {
    std::string text;
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
        if (!text.empty()) text += ';';
        text += bus::advertised_address(entry->sockets, entry->guid);
    }
    return text;
}

}  // namespace buzon::broker
