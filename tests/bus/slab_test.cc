// SPDX-License-Identifier: Apache-2.0
#include "bus/base/slab.h"

#include <memory>
#include <random>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

namespace buzon::bus {
namespace {

/// Counts what is done to all of them.
struct Counted {
    struct Count {
        std::size_t made = 0;
        std::size_t moved = 0;
    };
    explicit Counted(Count* into = nullptr) : count(into) {}
    Counted(Counted&& other) noexcept : count(other.count) {
        if (count) ++count->made, ++count->moved;
    }
    Counted& operator=(Counted&& other) noexcept {
        count = other.count;
        if (count) ++count->moved;
        return *this;
    }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() = default;

    Count* count;
};

TEST(Slab, GivesNumbersOutAgain) {
    Slab<int> slab;
    const auto one = slab.add(10);
    const auto two = slab.add(20);
    EXPECT_EQ(slab[two], 20);
    slab.remove(one);
    EXPECT_EQ(slab.size(), 1U);
    EXPECT_EQ(slab.add(30), one);
    EXPECT_EQ(slab[one], 30);
    EXPECT_EQ(slab.size(), 2U);
}

TEST(Slab, RemovedRecordHoldsNothing) {
    Slab<std::shared_ptr<int>> slab;
    const auto held = std::make_shared<int>(1);
    const auto number = slab.add(held);
    slab.remove(number);
    EXPECT_EQ(held.use_count(), 1);
}

TEST(Slab, RecordsStayWhereTheyAre) {
    Slab<std::size_t> slab;
    std::vector<const std::size_t*> places;
    for (std::size_t i = 0; i < 10'000; ++i)
        places.push_back(&slab[slab.add(i)]);
    for (std::uint32_t number = 0; number < places.size(); ++number) {
        ASSERT_EQ(&slab[number], places[number]);
        ASSERT_EQ(slab[number], number);
    }
    EXPECT_EQ(slab.end(), 10'000U);
}

TEST(Slab, MovesNoOtherRecordWhenOneComesOrGoes) {
    Slab<Counted> slab;
    Counted::Count count;
    for (int i = 0; i < 100'000; ++i) {
        const auto before = count.moved;
        slab.add(Counted(&count));
        ASSERT_LE(count.moved - before, 2U) << i;
    }
    for (std::uint32_t number = 0; number < 100'000; ++number) {
        const auto before = count.moved;
        slab.remove(number);
        ASSERT_LE(count.moved - before, 1U) << number;
    }
    EXPECT_EQ(slab.size(), 0U);
}

TEST(Slab, NumbersGivenOutAgainAreThoseThatAreFree) {
    std::mt19937 random(3);
    Slab<int> slab;
    std::vector<std::uint32_t> numbers;
    std::unordered_map<std::uint32_t, int> model;
    for (int step = 0; step < 50'000; ++step) {
        if (numbers.empty() || random() % 100 < (step % 10'000 < 5'000 ? 70U : 30U)) {
            const auto number = slab.add(step);
            ASSERT_TRUE(model.emplace(number, step).second) << "given out twice";
            numbers.push_back(number);
        } else {
            auto& chosen = numbers[random() % numbers.size()];
            ASSERT_EQ(slab[chosen], model[chosen]);
            slab.remove(chosen);
            model.erase(chosen);
            chosen = numbers.back();
            numbers.pop_back();
        }
        ASSERT_EQ(slab.size(), model.size());
    }
    for (const auto& [number, value] : model)
        EXPECT_EQ(slab[number], value);
}

}  // namespace
}  // namespace buzon::bus
