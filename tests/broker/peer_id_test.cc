// SPDX-License-Identifier: Apache-2.0
#include "broker/peer_id.h"

#include <gtest/gtest.h>

namespace buzon::broker {
namespace {

constexpr struct {
    std::string_view text;
    std::optional<PeerId> peer;
} kNames[] = {
    {":1.0", PeerId{0}},
    {":1.42", PeerId{42}},
    {":1.18446744073709551615", PeerId{18446744073709551615U}},
    {":1.18446744073709551616", std::nullopt},
    {":1.", std::nullopt},
    {":1.00", std::nullopt},
    {":1.042", std::nullopt},
    {":1.+4", std::nullopt},
    {":1.-4", std::nullopt},
    {":1. 4", std::nullopt},
    {":1.4 ", std::nullopt},
    {":1.4.2", std::nullopt},
    {":0.4", std::nullopt},
    {":11.4", std::nullopt},
    {"1.4", std::nullopt},
    {"", std::nullopt},
};

TEST(ParseUniqueName, TakesTheCanonicalTextOnly) {
    for (const auto& [text, peer] : kNames)
        EXPECT_EQ(parse_unique_name(text), peer) << text;
}

TEST(UniqueNameOf, IsWhatParsesToTheSamePeer) {
    for (const auto& [text, peer] : kNames) {
        if (!peer) continue;
        EXPECT_EQ(unique_name_of(*peer).view(), text);
    }
}

}  // namespace
}  // namespace buzon::broker
