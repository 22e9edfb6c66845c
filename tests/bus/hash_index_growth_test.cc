// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <unordered_map>
#include <vector>

#include "bus/base/hash.h"
#include "bus/base/hash_index.h"

namespace buzon::bus {
namespace {

constexpr HashSeed kSeed{0x9d3f1c27a5b48e61U, 0x5be0cd19137e2179U};
constexpr std::size_t kMostSteps = HashIndex::kMostPrepared + HashIndex::kMostMoved;

std::uint64_t hash_of(std::uint32_t record) {
    return hash_words(record, 0, kSeed);
}

std::uint32_t find(const HashIndex& index, std::uint32_t record) {
    return index.find(hash_of(record), [record](std::uint32_t each) { return each == record; });
}

TEST(HashIndexGrowth, TakesBoundedStepsOfEachInsertion) {
    HashIndex index;
    std::uint64_t before = 0;
    for (std::uint32_t record = 0; record < 300'000; ++record) {
        index.insert(hash_of(record), record);
        ASSERT_LE(index.steps() - before, kMostSteps) << record;
        before = index.steps();
    }
    // Two slots prepared and not two steps of moving for each record, of every size it ever had.
    EXPECT_LE(index.steps(), 300'000U * 16);
}

TEST(HashIndexGrowth, LosesNothingWhereverItIsInterrupted) {
    HashIndex index;
    for (std::uint32_t record = 0; record < 3'000; ++record) {
        index.insert(hash_of(record), record);
        for (std::uint32_t asked = 0; asked <= record; ++asked)
            ASSERT_EQ(find(index, asked), asked) << record;
        ASSERT_EQ(find(index, record + 1), HashIndex::kNone);
    }
}

TEST(HashIndexGrowth, IsOverSoonAfterItBegan) {
    HashIndex index;
    std::uint32_t record = 0;
    const auto insert_until = [&](std::uint32_t end) {
        for (; record < end; ++record)
            index.insert(hash_of(record), record);
    };
    insert_until(32'769);  // 65,536 slots are half full
    const auto begun = index.steps();
    insert_until(32'769 + 65'536 / 16);
    const auto over = index.steps();
    EXPECT_GT(over, begun + 65'536);
    insert_until(65'000);
    EXPECT_EQ(index.steps(), over);
}

TEST(HashIndexGrowth, GoesOnWhileRecordsAreErased) {
    HashIndex index;
    for (std::uint32_t record = 0; record < 32'769; ++record)
        index.insert(hash_of(record), record);
    for (std::uint32_t record = 0; record < 32'769; ++record) {
        const auto before = index.steps();
        index.erase(hash_of(record), record);
        ASSERT_LE(index.steps() - before, kMostSteps);
        ASSERT_EQ(find(index, record), HashIndex::kNone);
        const std::uint32_t later = std::min(record + 700, 32'768U);
        ASSERT_EQ(find(index, later), later == record ? HashIndex::kNone : later);
    }
    EXPECT_EQ(index.size(), 0U);
}

TEST(HashIndexGrowth, DoesNotHappenAgainForAsManyRecords) {
    HashIndex index;
    for (int round = 0; round < 3; ++round) {
        const auto before = index.steps();
        for (std::uint32_t record = 0; record < 1'000; ++record)
            index.insert(hash_of(record), record);
        for (std::uint32_t record = 0; record < 1'000; ++record)
            index.erase(hash_of(record), record);
        EXPECT_EQ(index.steps() == before, round > 0);
    }
}

/// What is in the index, and where each of it stands in `present`.
class History {
public:
    void insert(std::uint32_t record) {
        index_.insert(hash_of(record), record);
        places_.emplace(record, present_.size());
        present_.push_back(record);
    }
    void erase(std::size_t place) {
        const std::uint32_t record = present_[place];
        index_.erase(hash_of(record), record);
        places_[present_.back()] = place;
        present_[place] = present_.back();
        present_.pop_back();
        places_.erase(record);
    }
    [[nodiscard]] std::size_t size() const { return present_.size(); }
    [[nodiscard]] bool agrees_about(std::uint32_t record) const {
        return find(index_, record) == (places_.contains(record) ? record : HashIndex::kNone);
    }
    [[nodiscard]] bool agrees() const {
        return index_.size() == present_.size() &&
               std::all_of(present_.begin(), present_.end(),
                           [this](std::uint32_t each) { return agrees_about(each); });
    }

private:
    HashIndex index_;
    std::vector<std::uint32_t> present_;
    std::unordered_map<std::uint32_t, std::size_t> places_;
};

/// Phases in which more comes than goes, and the other way round, through several sizes.
TEST(HashIndexGrowth, AgreesWithAMapOverRandomHistories) {
    for (const std::uint32_t seed : {1U, 2U, 3U}) {
        std::mt19937 random(seed);
        History history;
        std::uint32_t next = 0;
        for (int phase = 0; phase < 24; ++phase) {
            const unsigned chance_to_insert = phase % 3 == 2 ? 20 : 75;
            for (int step = 0; step < 3'000; ++step) {
                if (history.size() == 0 || random() % 100 < chance_to_insert) {
                    history.insert(next++);
                } else {
                    history.erase(random() % history.size());
                }
                const auto asked = static_cast<std::uint32_t>(random() % (next + 1));
                ASSERT_TRUE(history.agrees_about(asked)) << seed << ' ' << phase << ' ' << step;
            }
            ASSERT_TRUE(history.agrees()) << seed << ' ' << phase;
        }
    }
}

}  // namespace
}  // namespace buzon::bus
