// SPDX-License-Identifier: Apache-2.0
#include "broker/bus_sockets.h"

#include <fmt/format.h>

#include <stdexcept>

namespace buzon::broker {

BusSockets::BusSockets(LauncherClient& launcher,
                       const std::optional<std::string>& address,
                       const std::vector<ListenAddress>& listen)
    : asked_(address ? std::vector<ListenAddress>{{*address, ""}} : listen) {
    for (std::size_t i = 0; i < asked_.size(); ++i) {
        if (i - entries_.size() >= LauncherClient::kMaxCallsUnderWay) take(launcher);
        launcher.ask_to_bind(asked_[i].text);
    }
}

BusSockets::~BusSockets() {
    for (const SocketFileFacts& file : files_)
        bus::SocketFile(file.path, file.device, file.inode).remove();
}

void BusSockets::take(LauncherClient& launcher) {
    const std::string& place = asked_[entries_.size()].place;
    try {
        auto [sockets, files] = launcher.take_bound();
        files_.insert(files_.end(), files.begin(), files.end());
        entries_.push_back({std::move(sockets), bus::generate_guid()});
    } catch (const std::runtime_error& error) {
        if (place.empty()) throw;
        throw std::runtime_error(fmt::format("{}: {}", place, error.what()));
    }
}

void BusSockets::take_all(LauncherClient& launcher) {
    while (entries_.size() < asked_.size())
        take(launcher);
}

void BusSockets::listen(const Receiver& receiver) {
    for (Entry& entry : entries_) {
        for (bus::BoundSocket& bound : entry.sockets) {
            const auto listening = bus::start_listening(bound);
            if (!listening) throw std::runtime_error(bus::describe(listening.error()));
            receiver(std::move(bound.socket), entry.guid);
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
