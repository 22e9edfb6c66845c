// SPDX-License-Identifier: Apache-2.0
// A match rule that parses, written out, parses to the same rule.
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/match_rule.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace buzon::broker;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto rule = parse_match_rule(text);
    if (!rule) {
        assert(!describe(rule.error()).empty());
        return 0;
    }
    const std::string canonical = to_text(*rule);
    // Quotes may lengthen a text beyond what is accepted.
    if (canonical.size() > kMaxMatchRuleBytes) return 0;
    const auto again = parse_match_rule(canonical);
    assert(again && *again == *rule);
    assert(to_text(*again) == canonical);
    return 0;
}
