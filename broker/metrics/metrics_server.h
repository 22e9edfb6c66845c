// SPDX-License-Identifier: Apache-2.0
// The metrics socket: answers `GET /metrics` for those who may read it, also when everything else
// is full. Its sockets are served as soon as the loop sees them, without waiting for a turn as
// peers do; descriptors are kept for it, and of too many readers the oldest makes room.
// Errors: what readers do ends their connection, and nothing else.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "broker/metrics/metrics_connection.h"
#include "broker/metrics/metrics_source.h"
#include "bus/base/event_loop.h"
#include "bus/base/file_descriptor.h"
#include "bus/base/log.h"

namespace buzon::broker {

class MetricsServer final : private MetricsConnectionOwner {
public:
    /// Served at once.
    static constexpr std::size_t kMaxConnections = 4;

    /// `source` outlives this.
    MetricsServer(bus::EventLoop& loop, bus::Log& log, const MetricsSource& source);
    MetricsServer(const MetricsServer&) = delete;
    MetricsServer& operator=(const MetricsServer&) = delete;
    MetricsServer(MetricsServer&&) = delete;
    MetricsServer& operator=(MetricsServer&&) = delete;
    ~MetricsServer();

    /// `socket` is bound and listening. Throws std::system_error where it can't be watched.
    void add_listener(bus::FileDescriptor socket);
    [[nodiscard]] std::size_t connection_count() const { return connections_.size(); }

private:
    class ListeningSocket;

    void accept_from(const ListeningSocket& listening);
    [[nodiscard]] bus::FileDescriptor accept_one(int listening);
    void take_in(bus::FileDescriptor socket);
    void on_over(MetricsConnection& connection) override;
    void fill_reserve();
    void pause(int error);
    void resume();

    bus::EventLoop& loop_;
    bus::Log& log_;
    const MetricsSource& source_;
    std::vector<std::unique_ptr<ListeningSocket>> listening_;
    /// In the order in which they came.
    std::vector<std::unique_ptr<MetricsConnection>> connections_;
    /// Descriptors whose numbers are kept for those who come, so that with the connections they are
    /// always as many: one more than may be served, so that who is refused takes nobody's.
    std::vector<bus::FileDescriptor> reserve_;
    bus::Timer retry_;
};

}  // namespace buzon::broker
