// SPDX-License-Identifier: Apache-2.0
// Slab: records in one block of memory, named by small numbers that are given out again.
// No allocation while there are no more records than there once were.
// References live until the next add(); numbers until remove().
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace buzon::bus {

template <typename Record>
class Slab {
public:
    /// Stands for no record in links between records.
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};

    std::uint32_t add(Record record) {
        if (!free_.empty()) {
            const std::uint32_t number = free_.back();
            free_.pop_back();
            records_[number] = std::move(record);
            return number;
        }
        assert(records_.size() < kNone);
        records_.push_back(std::move(record));
        // Room for every number, so that remove() never allocates.
        if (free_.capacity() < records_.capacity()) free_.reserve(records_.capacity());
        return static_cast<std::uint32_t>(records_.size() - 1);
    }

    /// Resets the record, so that it holds no resources while it waits to be used again.
    void remove(std::uint32_t number) {
        records_[number] = Record{};
        free_.push_back(number);
    }

    Record& operator[](std::uint32_t number) { return records_[number]; }
    const Record& operator[](std::uint32_t number) const { return records_[number]; }
    [[nodiscard]] std::size_t size() const { return records_.size() - free_.size(); }

private:
    std::vector<Record> records_;
    std::vector<std::uint32_t> free_;
};

}  // namespace buzon::bus
