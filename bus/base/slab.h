// SPDX-License-Identifier: Apache-2.0
// Slab: records in chunks of memory, named by small numbers that are given out again.
// Invariant: a record stays where it is from add() to remove(), and no operation takes longer for
// there being many: what grows is a list of chunks. No allocation while there are no more records
// than there once were.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace buzon::bus {

template <typename Record>
class Slab {
public:
    /// Stands for no record in links between records.
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};
    /// All of a chunk are made when the first is needed: a page, but a few of them in any case.
    static constexpr std::uint32_t kRecordsPerChunk =
        std::uint32_t{std::bit_floor(std::max<std::size_t>(8, 4096 / sizeof(Record)))};

    std::uint32_t add(Record&& record) {
        ++size_;
        if (first_free_ == kNone) [[unlikely]]
            make_one_free();
        const std::uint32_t number = first_free_;
        Chunk& chunk = chunk_of(number);
        first_free_ = chunk.next_free[number % kRecordsPerChunk];
        chunk.records[number % kRecordsPerChunk] = std::move(record);
        return number;
    }
    std::uint32_t add(const Record& record) { return add(Record(record)); }

    /// Resets the record, so that it holds no resources while it waits to be used again.
    void remove(std::uint32_t number) {
        Chunk& chunk = chunk_of(number);
        chunk.records[number % kRecordsPerChunk] = Record{};
        chunk.next_free[number % kRecordsPerChunk] = std::exchange(first_free_, number);
        --size_;
    }

    Record& operator[](std::uint32_t number) {
        return chunk_of(number).records[number % kRecordsPerChunk];
    }
    const Record& operator[](std::uint32_t number) const {
        return chunk_of(number).records[number % kRecordsPerChunk];
    }
    [[nodiscard]] std::size_t size() const { return size_; }
    /// All numbers ever given out are below.
    [[nodiscard]] std::uint32_t end() const { return end_; }

private:
    struct Chunk {
        std::array<Record, kRecordsPerChunk> records;
        std::array<std::uint32_t, kRecordsPerChunk> next_free;  // of free records
    };

    [[nodiscard]] Chunk& chunk_of(std::uint32_t number) const {
        return *chunks_[number / kRecordsPerChunk];
    }

    [[gnu::noinline]] void make_one_free() {
        assert(end_ < kNone);
        if (end_ % kRecordsPerChunk == 0) chunks_.push_back(std::make_unique<Chunk>());
        chunk_of(end_).next_free[end_ % kRecordsPerChunk] = kNone;
        first_free_ = end_++;
    }

    std::vector<std::unique_ptr<Chunk>> chunks_;
    std::uint32_t first_free_ = kNone;
    std::uint32_t end_ = 0;
    std::size_t size_ = 0;
};

}  // namespace buzon::bus
