// SPDX-License-Identifier: Apache-2.0
#include "broker/bus_sockets.h"

#include <fmt/format.h>

#include <stdexcept>

#include "bus/address.h"

namespace buzon::broker {

namespace {

std::vector<bus::BoundSocket> bind(const std::string& text, std::string_view runtime_directory) {
    const auto addresses = bus::parse_addresses(text);
    if (!addresses) {
        throw std::runtime_error(
            fmt::format("address \"{}\": {}", text, bus::describe(addresses.error())));
    }
    auto bound = bus::bind_first(addresses.value(), runtime_directory);
    if (!bound) throw std::runtime_error(bus::describe(bound.error()));
    return std::move(*bound);
}

}  // namespace

BusSockets::BusSockets(const std::optional<std::string>& address,
                       const policy::Config& config,
                       std::string_view runtime_directory) {
    if (address) {
        entries_.push_back({bind(*address, runtime_directory), bus::generate_guid()});
        return;
    }
    for (const auto& [text, location] : config.listen) {
        try {
            entries_.push_back({bind(text, runtime_directory), bus::generate_guid()});
        } catch (const std::runtime_error& error) {
            throw policy::ConfigError(config.files.name(location.file), location.line,
                                      location.column, error.what());
        }
    }
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
