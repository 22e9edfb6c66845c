// SPDX-License-Identifier: Apache-2.0
// Text in the OpenMetrics format: families of samples, each with its type, unit and help.
// The writer sees to form (suffixes, escapes, numbers, the mark at the end); names and labels are
// our own and have to be valid. Label values may be any UTF-8.
// Source: OpenMetrics 1.0.0, "Text format".
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace buzon::broker {

inline constexpr std::string_view kOpenMetricsType =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

struct MetricLabel {
    std::string_view name;
    std::string_view value;
};

class OpenMetricsWriter {
public:
    enum class Type : std::uint8_t { Counter, Gauge, Histogram, Info };

    /// `name` without the suffixes of samples; it ends in `_unit` where there is one.
    struct Family {
        std::string_view name;
        Type type;
        std::string_view help;
        std::string_view unit = {};
    };
    using Labels = std::initializer_list<MetricLabel>;

    /// Samples of it follow; those of one family stand together.
    void begin(const Family& family);
    void add(std::uint64_t value, Labels labels = {});
    void add(double value, Labels labels = {});

    /// A family with one sample without labels.
    void write(const Family& family, std::uint64_t value) {
        begin(family);
        add(value);
    }
    void write(const Family& family, double value) {
        begin(family);
        add(value);
    }
    /// `counts` of each bucket by itself; one more than there are `bounds`.
    void write_histogram(const Family& family,
                         std::span<const double> bounds,
                         std::span<const std::uint64_t> counts,
                         double sum);

    /// Nothing can be added afterwards.
    [[nodiscard]] std::string finish() &&;

private:
    void add_sample(std::string_view suffix, Labels labels, std::string_view value);

    std::string text_;
    std::string_view name_;
    std::string_view suffix_;
};

}  // namespace buzon::broker
