// SPDX-License-Identifier: Apache-2.0
// What the metrics server shows, and to whom: implemented by who knows the bus.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

namespace buzon::broker {

/// One answer under way. What takes long is done in parts, one in each turn of the loop.
class MetricsReport {
public:
    MetricsReport() = default;
    MetricsReport(const MetricsReport&) = delete;
    MetricsReport& operator=(const MetricsReport&) = delete;
    MetricsReport(MetricsReport&&) = delete;
    MetricsReport& operator=(MetricsReport&&) = delete;
    virtual ~MetricsReport() = default;

    /// A part of the work. True: there is nothing left to do but text().
    virtual bool advance() = 0;
    /// OpenMetrics, as of now.
    [[nodiscard]] virtual std::string text() const = 0;
};

class MetricsSource {
public:
    [[nodiscard]] virtual bool may_read(std::optional<uid_t> user) const = 0;
    /// It lives shorter than this.
    [[nodiscard]] virtual std::unique_ptr<MetricsReport> begin_report() const = 0;

protected:
    ~MetricsSource() = default;
};

}  // namespace buzon::broker
