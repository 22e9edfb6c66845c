// SPDX-License-Identifier: Apache-2.0
#include "broker/machine_id.h"

#include <gtest/gtest.h>

namespace buzon::broker {
namespace {

TEST(ParseMachineId, TakesThirtyTwoDigitsAndNothingElse) {
    constexpr struct {
        std::string_view about, text, expected;
    } kCases[] = {
        {"one line", "0123456789abcdef0123456789abcdef\n", "0123456789abcdef0123456789abcdef"},
        {"no line end", "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"},
        {"capitals", "0123456789ABCDEF0123456789ABCDEF\n", "0123456789abcdef0123456789abcdef"},
        {"empty", "", ""},
        {"not there yet", "uninitialized\n", ""},
        {"too short", "0123456789abcdef0123456789abcde\n", ""},
        {"no digits", "0123456789abcdef0123456789abcdeg\n", ""},
    };
    for (const auto& [about, text, expected] : kCases) {
        EXPECT_EQ(parse_machine_id(text), expected) << about;
    }
}

}  // namespace
}  // namespace buzon::broker
