// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/openmetrics_writer.h"

#include <fmt/format.h>

#include <cstddef>
#include <iterator>
#include <utility>

namespace buzon::broker {

namespace {

struct TypeForm {
    std::string_view name;
    /// Of samples that stand for themselves.
    std::string_view suffix;
};

TypeForm form_of(OpenMetricsWriter::Type type) {
    using Type = OpenMetricsWriter::Type;
    switch (type) {
        case Type::Counter: return {"counter", "_total"};
        case Type::Gauge: return {"gauge", ""};
        case Type::Histogram: return {"histogram", ""};
        case Type::Info: return {"info", "_info"};
    }
    return {"unknown", ""};
}

void append_escaped(std::string& text, std::string_view value) {
    for (const char c : value) {
        if (c == '\n') {
            text += "\\n";
            continue;
        }
        if (c == '\\' || c == '"') text += '\\';
        text += c;
    }
}

/// The shortest text for `value`, with a point or an exponent (`0.0025`, `1.0`), as bounds of
/// buckets have to be written.
std::string number(double value) {
    std::string text = fmt::format("{}", value);
    if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
    return text;
}

}  // namespace

void OpenMetricsWriter::begin(const Family& family) {
    const TypeForm form = form_of(family.type);
    name_ = family.name;
    suffix_ = form.suffix;
    auto out = std::back_inserter(text_);
    fmt::format_to(out, "# TYPE {} {}\n", family.name, form.name);
    if (!family.unit.empty()) fmt::format_to(out, "# UNIT {} {}\n", family.name, family.unit);
    fmt::format_to(out, "# HELP {} ", family.name);
    append_escaped(text_, family.help);
    text_ += '\n';
}

void OpenMetricsWriter::add(std::uint64_t value, Labels labels) {
    add_sample(suffix_, labels, fmt::format_int(value).c_str());
}

void OpenMetricsWriter::add(double value, Labels labels) {
    add_sample(suffix_, labels, number(value));
}

void OpenMetricsWriter::write_histogram(const Family& family,
                                        std::span<const double> bounds,
                                        std::span<const std::uint64_t> counts,
                                        double sum) {
    begin(family);
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        count += counts[i];
        const std::string bound = i < bounds.size() ? number(bounds[i]) : "+Inf";
        add_sample("_bucket", {{"le", bound}}, fmt::format_int(count).c_str());
    }
    add_sample("_count", {}, fmt::format_int(count).c_str());
    add_sample("_sum", {}, number(sum));
}

void OpenMetricsWriter::add_sample(std::string_view suffix, Labels labels, std::string_view value) {
    text_.append(name_).append(suffix);
    char mark = '{';
    for (const MetricLabel& label : labels) {
        text_ += mark;
        mark = ',';
        text_.append(label.name).append("=\"");
        append_escaped(text_, label.value);
        text_ += '"';
    }
    if (labels.size() > 0) text_ += '}';
    text_.append(" ").append(value).append("\n");
}

std::string OpenMetricsWriter::finish() && {
    text_ += "# EOF\n";
    return std::move(text_);
}

}  // namespace buzon::broker
