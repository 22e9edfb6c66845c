// SPDX-License-Identifier: Apache-2.0
// One reader of metrics: a request, an answer, the end; all of it before a deadline, and none of it
// waited for. Holds what was read (4 KiB at most), then a report under way, then its text.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "broker/metrics/http_request.h"
#include "broker/metrics/metrics_source.h"
#include "bus/base/event_loop.h"
#include "bus/base/file_descriptor.h"

namespace buzon::broker {

class MetricsConnection;

class MetricsConnectionOwner {
public:
    /// It has closed its socket; it is the owner's to dispose of.
    virtual void on_over(MetricsConnection& connection) = 0;

protected:
    ~MetricsConnectionOwner() = default;
};

class MetricsConnection final : public bus::EventSource,
                                public bus::Disposable,
                                private bus::LoopTask {
public:
    /// From its beginning to its end.
    static constexpr auto kDeadline = std::chrono::seconds(5);

    /// Throws std::system_error where the loop can't watch the socket.
    MetricsConnection(bus::EventLoop& loop,
                      bus::FileDescriptor socket,
                      const MetricsSource& source,
                      MetricsConnectionOwner& owner);
    ~MetricsConnection() override;

    void on_ready(std::uint32_t events) override;
    /// Closes the socket, whatever was under way, and tells the owner.
    void end();

private:
    void run_task() override;
    void read();
    void answer(const HttpRequest& request);
    void send(std::string text);
    void write();
    void watch_for(std::uint32_t events);

    bus::EventLoop& loop_;
    bus::FileDescriptor socket_;
    const MetricsSource& source_;
    MetricsConnectionOwner& owner_;
    bus::Timer deadline_;
    std::string input_;
    HttpMethod method_ = HttpMethod::Other;
    std::unique_ptr<MetricsReport> report_;
    std::string output_;
    std::size_t sent_ = 0;
};

}  // namespace buzon::broker
