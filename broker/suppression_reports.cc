// SPDX-License-Identifier: Apache-2.0
#include "broker/suppression_reports.h"

#include <chrono>

namespace buzon::broker {

namespace {

constexpr auto kInterval = std::chrono::seconds(10);

}  // namespace

SuppressionReports::SuppressionReports(bus::EventLoop& loop, bus::Log& log)
    : log_(log), timer_(loop, [&log] { log.report_suppressed(); }) {
    log_.on_suppression([this, &loop] {
        if (!timer_.is_armed()) timer_.arm(loop.now() + kInterval);
    });
}

SuppressionReports::~SuppressionReports() {
    log_.on_suppression(nullptr);
    log_.report_suppressed();
}

}  // namespace buzon::broker
