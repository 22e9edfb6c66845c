// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/time_span.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "clients/ctl/value_parser.h"

namespace buzon::clients {
namespace {

constexpr double kSecond = 1e6;
constexpr double kDay = 24 * 3600 * kSecond;
constexpr double kYear = 365.25 * kDay;
constexpr double kLongest = 1000 * kYear;

constexpr struct {
    std::string_view name;
    double microseconds;
} kUnits[] = {
    {"", kSecond},
    {"us", 1},
    {"usec", 1},
    {"µs", 1},
    {"ms", 1000},
    {"msec", 1000},
    {"s", kSecond},
    {"sec", kSecond},
    {"second", kSecond},
    {"seconds", kSecond},
    {"m", 60 * kSecond},
    {"min", 60 * kSecond},
    {"minute", 60 * kSecond},
    {"minutes", 60 * kSecond},
    {"h", 3600 * kSecond},
    {"hr", 3600 * kSecond},
    {"hour", 3600 * kSecond},
    {"hours", 3600 * kSecond},
    {"d", kDay},
    {"day", kDay},
    {"days", kDay},
    {"w", 7 * kDay},
    {"week", 7 * kDay},
    {"weeks", 7 * kDay},
    {"M", kYear / 12},
    {"month", kYear / 12},
    {"months", kYear / 12},
    {"y", kYear},
    {"year", kYear},
    {"years", kYear},
};

std::string_view skip_spaces(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t");
    return begin == std::string_view::npos ? std::string_view{} : text.substr(begin);
}

bool continues_unit(char c) {
    return std::isdigit(static_cast<unsigned char>(c)) == 0 && c != ' ';
}

std::optional<double> unit_length(std::string_view unit) {
    const auto* const found =
        std::ranges::find(kUnits, unit, [](const auto& row) { return row.name; });
    return found == std::end(kUnits) ? std::nullopt : std::optional{found->microseconds};
}

/// Takes a number and its unit from the front of `text`.
std::optional<double> take_term(std::string_view& text) {
    // from_chars() would take "inf", "nan" and a minus sign.
    if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0])) == 0) return std::nullopt;
    double number = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc{}) return std::nullopt;
    text = skip_spaces(text.substr(static_cast<std::size_t>(end - text.data())));
    const auto unit_end = std::ranges::find_if_not(text, continues_unit);
    const auto unit_size = static_cast<std::size_t>(unit_end - text.begin());
    const auto length = unit_length(text.substr(0, unit_size));
    text = skip_spaces(text.substr(unit_size));
    if (!length) return std::nullopt;
    return number * *length;
}

}  // namespace

std::chrono::microseconds parse_time_span(std::string_view text) {
    double sum = 0;
    std::string_view rest = skip_spaces(text);
    do {
        const auto term = take_term(rest);
        if (!term || (sum += *term) > kLongest)
            throw UsageError(
                fmt::format("'{}' is not a span of time such as 5, 300ms or \"1min 30s\".", text));
    } while (!rest.empty());
    return std::chrono::microseconds(static_cast<std::int64_t>(sum));
}

}  // namespace buzon::clients
