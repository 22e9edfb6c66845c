// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/time_span.h"

#include <gtest/gtest.h>

#include "clients/ctl/value_parser.h"

namespace buzon::clients {
namespace {

using namespace std::chrono_literals;

TEST(ParseTimeSpan, AddsUpNumbersWithUnits) {
    const struct {
        std::string_view text;
        std::chrono::microseconds span;
    } kCases[] = {
        {"0", 0s},       {"5", 5s},       {"1.5", 1500ms},   {"300ms", 300ms},
        {"7us", 7us},    {"2 min", 2min}, {"1min 30s", 90s}, {"1min30s", 90s},
        {"1h 1", 3601s}, {" 1d ", 24h},   {"1w", 7 * 24h},
    };
    for (const auto& [text, span] : kCases)
        EXPECT_EQ(parse_time_span(text), span) << text;
}

TEST(ParseTimeSpan, RefusesWhatIsNoSpan) {
    for (const std::string_view text :
         {"", " ", "s", "foo", "-1", "1x", "1 2x", "1e9y", "nan", "99999999999y", "0x10"})
        EXPECT_THROW((void)parse_time_span(text), UsageError) << text;
}

}  // namespace
}  // namespace buzon::clients
