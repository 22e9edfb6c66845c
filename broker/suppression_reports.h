// SPDX-License-Identifier: Apache-2.0
// Says now and then how many records the log has suppressed, while it suppresses any; a quiet bus
// is never woken.
#pragma once

#include "bus/base/event_loop.h"
#include "bus/base/log.h"

namespace buzon::broker {

class SuppressionReports {
public:
    /// Watches `log` until destroyed; the destructor reports what is still open.
    SuppressionReports(bus::EventLoop& loop, bus::Log& log);
    SuppressionReports(const SuppressionReports&) = delete;
    SuppressionReports& operator=(const SuppressionReports&) = delete;
    SuppressionReports(SuppressionReports&&) = delete;
    SuppressionReports& operator=(SuppressionReports&&) = delete;
    ~SuppressionReports();

private:
    bus::Log& log_;
    bus::Timer timer_;
};

}  // namespace buzon::broker
