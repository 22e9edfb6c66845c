// SPDX-License-Identifier: Apache-2.0
#include "bus/base/block_pool.h"

#include <sys/mman.h>

#include <bit>
#include <cstdlib>
#include <new>

namespace buzon::bus {

namespace {

// From here on a block is mapped: its pages cost nothing until bytes arrive, so a header that
// announces 128 MiB and a peer that never sends them hold no memory. And what is unmapped is gone,
// where blocks of the heap would keep what lies below them from being given back.
constexpr std::size_t kMappedFromBytes = std::size_t{64} << 10;

}  // namespace

Block::Block(BlockPool& pool, std::size_t capacity)
    : pool_(pool), data_(nullptr), capacity_(capacity), mapped_(capacity >= kMappedFromBytes) {
    if (mapped_) {
        void* memory = ::mmap(nullptr, capacity, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        data_ = static_cast<std::byte*>(memory);
    } else {
        data_ = static_cast<std::byte*>(std::malloc(capacity));
        if (!data_) throw std::bad_alloc();
    }
}

Block::~Block() {
    if (mapped_) {
        ::munmap(data_, capacity_);
    } else {
        std::free(data_);
    }
}

void Block::release_last(const Block* last) {
    auto* block = const_cast<Block*>(last);
    block->pool_.give_back(block);
}

BlockPool::~BlockPool() {
    for (const auto& shelf : kept_)
        for (const Block* block : shelf)
            delete block;
}

Ref<Block> BlockPool::take(std::size_t bytes) {
    const std::size_t capacity = std::bit_ceil(bytes < kSmallestBytes ? kSmallestBytes : bytes);
    const auto shelf =
        static_cast<std::size_t>(std::countr_zero(capacity) - std::countr_zero(kSmallestBytes));
    ++blocks_in_use_;
    if (shelf < kClasses && !kept_[shelf].empty()) {
        Block* block = kept_[shelf].back();
        kept_[shelf].pop_back();
        kept_bytes_ -= capacity;
        block->revive();
        return Ref<Block>::adopt(block);
    }
    return Ref<Block>::adopt(new Block(*this, capacity));
}

void BlockPool::give_back(Block* block) {
    --blocks_in_use_;
    const auto shelf = static_cast<std::size_t>(std::countr_zero(block->capacity()) -
                                                std::countr_zero(kSmallestBytes));
    if (shelf >= kClasses || kept_bytes_ + block->capacity() > kMaxKeptBytes) {
        delete block;
        return;
    }
    kept_[shelf].push_back(block);
    kept_bytes_ += block->capacity();
}

}  // namespace buzon::bus
