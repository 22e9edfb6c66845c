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

/// How many of 256 counters, in the second and in the first word, share their low 16 bits.
int count_collisions(HashSeed seed) {
    std::set<std::uint64_t> first, second;
    for (std::uint64_t counter = 0; counter < 256; ++counter) {
        first.insert(hash_words(counter, 7, seed) & 0xffff);
        second.insert(hash_words(7, counter, seed) & 0xffff);
    }
    return static_cast<int>(512 - first.size() - second.size());
}

TEST(HashWords, SpreadsCountersOverTheLowBitsWhateverTheSeed) {
    constexpr HashSeed kSeeds[] = {
        {0x9e3779b97f4a7c15U, 0xc2b2ae3d27d4eb4fU},
        {0x9e3779b97f4a0000U, 0xc2b2ae3d27d40000U},
        {0x123, 0xc2b2ae3d27d4eb4fU},
        {0x9e3779b97f4a7c15U, 0x8000000000000000U},
        {0xffff, 0xffff},
    };
    for (const HashSeed& seed : kSeeds)
        EXPECT_LT(count_collisions(seed), 20) << seed.second;
}

TEST(RandomHashSeed, IsNewEveryTime) {
    const HashSeed one = random_hash_seed(), other = random_hash_seed();
    EXPECT_TRUE(one.first != other.first || one.second != other.second);
}

}  // namespace
}  // namespace buzon::bus
