// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/openmetrics_writer.h"

#include <gtest/gtest.h>

#include <array>
#include <utility>

namespace buzon::broker {
namespace {

using Type = OpenMetricsWriter::Type;

TEST(OpenMetricsWriter, EndsWithTheMarkEvenWithoutMetrics) {
    EXPECT_EQ(OpenMetricsWriter().finish(), "# EOF\n");
}

TEST(OpenMetricsWriter, GivesCountersTheirSuffix) {
    OpenMetricsWriter writer;
    writer.write({"a_calls", Type::Counter, "Calls."}, std::uint64_t{1} << 63);
    EXPECT_EQ(std::move(writer).finish(),
              "# TYPE a_calls counter\n"
              "# HELP a_calls Calls.\n"
              "a_calls_total 9223372036854775808\n"
              "# EOF\n");
}

TEST(OpenMetricsWriter, NamesUnits) {
    OpenMetricsWriter writer;
    writer.write({"a_seconds", Type::Gauge, "Time.", "seconds"}, 0.25);
    EXPECT_EQ(std::move(writer).finish(),
              "# TYPE a_seconds gauge\n"
              "# UNIT a_seconds seconds\n"
              "# HELP a_seconds Time.\n"
              "a_seconds 0.25\n"
              "# EOF\n");
}

TEST(OpenMetricsWriter, EscapesLabelsAndHelp) {
    OpenMetricsWriter writer;
    writer.begin({"a", Type::Gauge, "One \"line\"\nand \\ another."});
    writer.add(std::uint64_t{1}, {{"x", "a\"b\\c\nd"}, {"y", "\xc3\xa4={}, "}});
    writer.add(std::uint64_t{2}, {{"x", ""}});
    EXPECT_EQ(std::move(writer).finish(),
              "# TYPE a gauge\n"
              "# HELP a One \\\"line\\\"\\nand \\\\ another.\n"
              "a{x=\"a\\\"b\\\\c\\nd\",y=\"\xc3\xa4={}, \"} 1\n"
              "a{x=\"\"} 2\n"
              "# EOF\n");
}

TEST(OpenMetricsWriter, WritesWhatIsFixedAsInfo) {
    OpenMetricsWriter writer;
    writer.begin({"a_build", Type::Info, "Version."});
    writer.add(std::uint64_t{1}, {{"version", "1.2"}});
    EXPECT_EQ(std::move(writer).finish(),
              "# TYPE a_build info\n"
              "# HELP a_build Version.\n"
              "a_build_info{version=\"1.2\"} 1\n"
              "# EOF\n");
}

TEST(OpenMetricsWriter, AddsUpTheBucketsOfAHistogram) {
    OpenMetricsWriter writer;
    writer.write_histogram({"a_seconds", Type::Histogram, "Turns.", "seconds"},
                           std::array{0.0001, 0.0025, 1.0},
                           std::array<std::uint64_t, 4>{5, 0, 2, 1}, 3.5);
    EXPECT_EQ(std::move(writer).finish(),
              "# TYPE a_seconds histogram\n"
              "# UNIT a_seconds seconds\n"
              "# HELP a_seconds Turns.\n"
              "a_seconds_bucket{le=\"0.0001\"} 5\n"
              "a_seconds_bucket{le=\"0.0025\"} 5\n"
              "a_seconds_bucket{le=\"1.0\"} 7\n"
              "a_seconds_bucket{le=\"+Inf\"} 8\n"
              "a_seconds_count 8\n"
              "a_seconds_sum 3.5\n"
              "# EOF\n");
}

}  // namespace
}  // namespace buzon::broker
