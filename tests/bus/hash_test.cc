// SPDX-License-Identifier: Apache-2.0
#include "bus/base/hash.h"

#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace buzon::bus {
namespace {

TEST(SipHash, AgreesWithThePublishedVectorOfTwoAndFourRounds) {
    const HashSeed seed{0x0706050403020100U, 0x0f0e0d0c0b0a0908U};
    constexpr std::string_view kInput("\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16", 15);
    EXPECT_EQ((SipHash<2, 4>::of(kInput, seed)), 0xa129ca6149be45e5U);
}

// Computed with another implementation (CPython 3.11, whose key is then all zeros).
constexpr struct {
    std::string_view text;
    std::uint64_t hash;
} kOneThree[] = {
    {"a", 0x407448d2b89b1813U},
    {"ab", 0x555508cbc6add439U},
    {"abcdefg", 0x6db12aae9070f506U},
    {"abcdefgh", 0x3f7b849c0b8e35eaU},
    {"org.freedesktop.DBus", 0x818fb46725ac1e65U},
    {"the quick brown fox jumps over the lazy dog", 0x80a65583f613da2dU},
};

TEST(HashText, IsSipHashOneThree) {
    for (const auto& [text, hash] : kOneThree)
        EXPECT_EQ(hash_text(text, HashSeed{}), hash) << text;
}

TEST(TextHashState, HashesEveryPrefixOfATextOnTheWay) {
    const HashSeed seed{1, 2};
    const std::string text = "/org/example/a/rather/long/path";
    TextHashState state(seed);
    for (std::size_t size = 0, whole = 0; size <= text.size(); ++size) {
        if (size - whole == 8) {
            state.compress(text.data() + whole);
            whole += 8;
        }
        EXPECT_EQ(state.finish(text.data() + whole, size),
                  hash_text(std::string_view(text).substr(0, size), seed));
    }
}

TEST(HashText, DependsOnBothHalvesOfTheSeed) {
    const std::set<std::uint64_t> hashes = {hash_text("x", {0, 0}), hash_text("x", {1, 0}),
                                            hash_text("x", {0, 1})};
    EXPECT_EQ(hashes.size(), 3U);
}

TEST(HashWords, SpreadsCountersOverTheLowBits) {
    const HashSeed seed{0x9e3779b97f4a7c15U, 0xc2b2ae3d27d4eb4fU};
    std::set<std::uint64_t> buckets;
    for (std::uint64_t serial = 1; serial <= 256; ++serial) {
        buckets.insert(hash_words(7, serial, seed) & 0xffff);
    }
    EXPECT_GT(buckets.size(), 240U);
}

TEST(RandomHashSeed, IsNewEveryTime) {
    const HashSeed one = random_hash_seed(), other = random_hash_seed();
    EXPECT_TRUE(one.first != other.first || one.second != other.second);
}

TEST(TextMap, FindsByAViewWithoutBuildingAString) {
    TextMap<int> map(0, TextHash(random_hash_seed()));
    map.emplace("org.example.Mail", 1);
    EXPECT_NE(map.find(std::string_view("org.example.Mail")), map.end());
    EXPECT_EQ(map.find(std::string_view("org.example")), map.end());
}

}  // namespace
}  // namespace buzon::bus
