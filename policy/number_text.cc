// SPDX-License-Identifier: Apache-2.0
#include "policy/number_text.h"

#include <charconv>
#include <system_error>

namespace buzon::policy {

namespace {

std::string_view trim(std::string_view text) {
    constexpr std::string_view kSpace = " \t\n\r\v\f";
    const auto first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

/// Takes the prefix that names the base off `text`.
int take_base(std::string_view& text) {
    if (text.size() < 2 || text[0] != '0') return 10;
    if (text[1] != 'x' && text[1] != 'X') return 8;
    text.remove_prefix(2);
    return 16;
}

}  // namespace

bus::Result<std::uint64_t, NumberError> parse_number(std::string_view text, std::uint64_t maximum) {
    text = trim(text);
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    const int base = take_base(text);

    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error == std::errc::invalid_argument || end != text.data() + text.size()) {
        return bus::Unexpected{NumberError::NotANumber};
    }
    if (negative) return bus::Unexpected{NumberError::Negative};
    if (error != std::errc{} || value > maximum) return bus::Unexpected{NumberError::TooLarge};
    return value;
}

}  // namespace buzon::policy
