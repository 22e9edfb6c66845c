// SPDX-License-Identifier: Apache-2.0
#include "bus/base/hash_index.h"

#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "bus/base/hash.h"

namespace buzon::bus {
namespace {

TEST(HashIndex, IsEmptyAtFirst) {
    const HashIndex index;
    EXPECT_EQ(index.find(1, [](std::uint32_t) { return true; }), HashIndex::kNone);
    EXPECT_EQ(index.size(), 0U);
}

TEST(HashIndex, AsksForEqualityOnlyWhereHashesAgree) {
    HashIndex index;
    index.insert(0x10, 1);
    index.insert(0x20, 2);
    EXPECT_EQ(index.find(0x20, [](std::uint32_t record) { return record == 2; }), 2U);
    EXPECT_EQ(index.find(0x30, [](std::uint32_t) { return true; }), HashIndex::kNone);
}

TEST(HashIndex, KeepsRecordsOfEqualHashesApart) {
    HashIndex index;
    for (std::uint32_t record = 0; record < 20; ++record)
        index.insert(7, record);
    index.erase(7, 3);
    for (std::uint32_t record = 0; record < 20; ++record) {
        const auto found = index.find(7, [record](std::uint32_t each) { return each == record; });
        EXPECT_EQ(found, record == 3 ? HashIndex::kNone : record);
    }
}

/// Over histories with few different home positions, so that runs touch and wrap around.
TEST(HashIndex, AgreesWithAMapOverRandomHistories) {
    for (const std::uint64_t spread : {3U, 17U, 400U}) {
        std::mt19937 random(5);
        std::vector<std::uint64_t> hashes(200);
        for (auto& hash : hashes)
            hash = hash_words(random() % spread, 0, {1, 2});
        HashIndex index;
        std::map<std::uint32_t, bool> model;
        for (int step = 0; step < 20'000; ++step) {
            const auto record = static_cast<std::uint32_t>(random() % hashes.size());
            bool& is_in = model[record];
            is_in ? index.erase(hashes[record], record) : index.insert(hashes[record], record);
            is_in = !is_in;
            const auto asked = static_cast<std::uint32_t>(random() % hashes.size());
            const auto found =
                index.find(hashes[asked], [asked](std::uint32_t each) { return each == asked; });
            ASSERT_EQ(found, model[asked] ? asked : HashIndex::kNone) << step;
        }
    }
}

}  // namespace
}  // namespace buzon::bus
