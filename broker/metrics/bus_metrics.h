// SPDX-License-Identifier: Apache-2.0
// What a bus shows as metrics: what has happened, what is there now, how long its turns take, and
// the largest of its users and programs. Figures that are kept anyway, so that looking costs the
// same however many connections there are. Names begin with `buzon_`, or are those of `process_*`.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "broker/broker.h"
#include "broker/metrics/metrics_source.h"
#include "broker/metrics/openmetrics_writer.h"
#include "broker/metrics/process_figures.h"

namespace buzon::broker {

class BusMetrics final : public MetricsSource {
public:
    /// `broker` outlives this.
    explicit BusMetrics(const Broker& broker) : broker_(broker) {}

    [[nodiscard]] bool may_read(std::optional<uid_t> user) const override {
        return broker_.state().may_administer(user);
    }
    [[nodiscard]] std::unique_ptr<MetricsReport> begin_report() const override;

private:
    class Report;

    void write_events(OpenMetricsWriter& out) const;
    void write_present(OpenMetricsWriter& out) const;
    void write_connections(OpenMetricsWriter& out) const;
    void write_peaks(OpenMetricsWriter& out) const;
    void write_turns(OpenMetricsWriter& out) const;

    const Broker& broker_;
    ProcessFigures process_;
};

}  // namespace buzon::broker
