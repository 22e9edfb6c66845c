// SPDX-License-Identifier: Apache-2.0
// Input: lines; the first is a signature, the others are its arguments, or else a time span. What a
// user may type is either understood or refused with a text.
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "clients/ctl/time_span.h"
#include "clients/ctl/value_parser.h"

namespace {

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace buzon::clients;
    auto lines = lines_of({reinterpret_cast<const char*>(data), size});
    if (lines.empty()) return 0;
    const std::string first = lines.front();
    lines.erase(lines.begin());
    try {
        (void)parse_values(first, lines);
    } catch (const UsageError& error) {
        assert(!std::string_view(error.what()).empty());
    }
    try {
        assert(parse_time_span(first).count() >= 0);
    } catch (const UsageError& error) {
        assert(!std::string_view(error.what()).empty());
    }
    return 0;
}
