// SPDX-License-Identifier: Apache-2.0
// The sockets that the bus listens on: one listener per <listen>, each with an identity of its own.
// Bound before the process gives up its rights, listening after that, because clients see who
// called listen(). The destructor removes their files.
// Errors: std::runtime_error with a text for the administrator.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/broker.h"
#include "bus/guid.h"
#include "bus/socket.h"
#include "policy/config.h"

namespace buzon::broker {

class BusSockets {
public:
    /// Binds `address`, or where that is absent, every <listen> of `config`. Where one of them is a
    /// list, the first entry that can be bound.
    BusSockets(const std::optional<std::string>& address,
               const policy::Config& config,
               std::string_view runtime_directory);

    /// From now on clients can connect, and are served once the loop runs.
    void listen(Broker& broker);
    /// What to tell clients.
    /// Compat: dbus-daemon names the last listener first.
    [[nodiscard]] std::string address() const;

private:
    struct Entry {
        std::vector<bus::BoundSocket> sockets;
        bus::Guid guid;
    };

    std::vector<Entry> entries_;
};

}  // namespace buzon::broker
