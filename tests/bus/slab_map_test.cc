// SPDX-License-Identifier: Apache-2.0
#include "bus/base/slab_map.h"

#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

#include "bus/base/hash.h"

namespace buzon::bus {
namespace {

enum class Id : std::uint64_t {};

TEST(SlabMap, FindsWhatWasAdded) {
    SlabMap<Id, int, IdHash> map;
    map[Id{7}] = 70;
    EXPECT_EQ(*map.find(Id{7}), 70);
    EXPECT_EQ(map.find(Id{8}), nullptr);
    EXPECT_FALSE(map.find_or_add(Id{7}).second);
    EXPECT_TRUE(map.find_or_add(Id{8}).second);
    EXPECT_EQ(map.size(), 2U);
}

TEST(SlabMap, IsAskedForTextsWithoutMakingStrings) {
    SlabMap<std::string, int, TextHash> map(TextHash({1, 2}));
    map[std::string_view("one")] = 1;
    EXPECT_TRUE(map.contains(std::string_view("one")));
    EXPECT_TRUE(map.erase(std::string_view("one")));
    EXPECT_FALSE(map.erase(std::string_view("one")));
    EXPECT_TRUE(map.empty());
}

TEST(SlabMap, ErasedValueHoldsNothing) {
    SlabMap<Id, std::shared_ptr<int>, IdHash> map;
    const auto held = std::make_shared<int>(1);
    map[Id{1}] = held;
    map.erase(Id{1});
    EXPECT_EQ(held.use_count(), 1);
}

TEST(SlabMap, ValuesAndKeysStayWhereTheyAre) {
    SlabMap<std::string, int, TextHash> map(TextHash({1, 2}));
    const auto& first = map.find_or_add(std::string_view("short")).first;
    for (int i = 0; i < 10'000; ++i)
        map[std::to_string(i)] = i;
    EXPECT_EQ(&first, &map.find_or_add(std::string_view("short")).first);
    EXPECT_EQ(first.key, "short");
}

TEST(SlabMap, VisitsEachThatIsThereOnce) {
    SlabMap<Id, int, IdHash> map;
    for (int i = 0; i < 1'000; ++i)
        map[Id{static_cast<std::uint64_t>(i)}] = i;
    for (std::uint64_t i = 0; i < 1'000; i += 3)
        map.erase(Id{i});
    std::vector<int> visits(1'000);
    map.for_each([&](Id id, int value) {
        EXPECT_EQ(static_cast<int>(id), value);
        ++visits[static_cast<std::size_t>(value)];
    });
    for (std::size_t i = 0; i < visits.size(); ++i)
        EXPECT_EQ(visits[i], i % 3 == 0 ? 0 : 1);
}

TEST(SlabMap, AgreesWithAMapOverRandomHistories) {
    std::mt19937 random(11);
    SlabMap<Id, int, IdHash> map;
    std::unordered_map<std::uint64_t, int> model;
    for (int step = 0; step < 100'000; ++step) {
        const std::uint64_t key = random() % 20'000;
        if (random() % 100 < (step % 50'000 < 25'000 ? 70U : 30U)) {
            map[Id{key}] = step;
            model[key] = step;
        } else {
            ASSERT_EQ(map.erase(Id{key}), model.erase(key) == 1);
        }
        const std::uint64_t asked = random() % 20'000;
        const int* found = map.find(Id{asked});
        const auto expected = model.find(asked);
        ASSERT_EQ(found != nullptr, expected != model.end());
        ASSERT_EQ(found ? *found : -1, found ? expected->second : -1);
        ASSERT_EQ(map.size(), model.size());
    }
}

}  // namespace
}  // namespace buzon::bus
