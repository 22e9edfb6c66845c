// SPDX-License-Identifier: Apache-2.0
#include "bus/base/block_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdlib>
#include <new>

namespace buzon::bus {

namespace {

// From here on a block is mapped: its pages cost nothing until bytes arrive, it grows without being
// copied, and what is unmapped is gone, where blocks of the heap would keep what lies below them
// from being given back.
constexpr std::size_t kMappedFromBytes = std::size_t{16} << 10;

// In one part, or a part of what waits if that is more: so it does not grow without end, whatever
// comes meanwhile.
constexpr std::size_t kFreedAtOnce = std::size_t{4} << 20;
constexpr std::size_t kMostParts = 32;

/// Null: there is no memory.
std::byte* allocate(std::size_t bytes) {
    if (bytes < kMappedFromBytes) return static_cast<std::byte*>(std::malloc(bytes));
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
}

}  // namespace

Block::~Block() {
    if (capacity_ >= kMappedFromBytes) {
        ::munmap(data_, capacity_);
    } else {
        std::free(data_);
    }
}

bool Block::try_grow(std::size_t bytes) {
    assert(capacity_ >= kMappedFromBytes);
    const std::size_t capacity = std::bit_ceil(bytes);
    if (capacity <= capacity_) return true;
    void* memory = ::mremap(data_, capacity_, capacity, MREMAP_MAYMOVE);
    if (memory == MAP_FAILED) return false;
    data_ = static_cast<std::byte*>(memory);
    capacity_ = capacity;
    return true;
}

void Block::shrink(std::size_t bytes) {
    assert(capacity_ - bytes >= kMappedFromBytes);
    capacity_ -= bytes;
    ::munmap(data_ + capacity_, bytes);
}

void Block::release_last(const Block* last) {
    auto* block = const_cast<Block*>(last);
    block->pool_.give_back(block);
}

BlockPool::~BlockPool() {
    for (const auto& shelf : kept_)
        for (const Block* block : shelf)
            delete block;
    for (const Block* block : garbage_)
        delete block;
}

Ref<Block> BlockPool::take(std::size_t bytes) {
    Ref<Block> block = try_take(bytes);
    if (!block) throw std::bad_alloc();
    return block;
}

Ref<Block> BlockPool::try_take(std::size_t bytes) {
    const std::size_t capacity = std::bit_ceil(bytes < kSmallestBytes ? kSmallestBytes : bytes);
    const auto shelf =
        static_cast<std::size_t>(std::countr_zero(capacity) - std::countr_zero(kSmallestBytes));
    if (shelf < kClasses && !kept_[shelf].empty()) {
        Block* block = kept_[shelf].back();
        kept_[shelf].pop_back();
        kept_bytes_ -= capacity;
        block->revive();
        ++blocks_in_use_;
        return Ref<Block>::adopt(block);
    }
    std::byte* const data = allocate(capacity);
    if (!data) return nullptr;
    ++blocks_in_use_;
    return Ref<Block>::adopt(new Block(*this, data, capacity));
}

void BlockPool::give_back(Block* block) {
    --blocks_in_use_;
    const auto shelf = static_cast<std::size_t>(std::countr_zero(block->capacity()) -
                                                std::countr_zero(kSmallestBytes));
    if (shelf >= kClasses || kept_bytes_ + block->capacity() > kMaxKeptBytes) {
        drop(block);
        return;
    }
    kept_[shelf].push_back(block);
    kept_bytes_ += block->capacity();
}

/// To unmap memory takes a quarter of a millisecond for each MiB, however it is cut.
void BlockPool::drop(Block* block) {
    if (!on_garbage_ || block->capacity() < kMappedFromBytes) {
        delete block;
        return;
    }
    garbage_.push_back(block);
    garbage_bytes_ += block->capacity();
    on_garbage_();
}

bool BlockPool::free_some() {
    const std::size_t part = garbage_bytes_ / kMostParts / kMappedFromBytes * kMappedFromBytes;
    std::size_t left = std::max(kFreedAtOnce, part);
    while (!garbage_.empty() && left > 0) {
        Block* const block = garbage_.back();
        const std::size_t bytes = std::min(left, block->capacity());
        left -= bytes;
        garbage_bytes_ -= bytes;
        if (block->capacity() - bytes >= kMappedFromBytes) {
            block->shrink(bytes);
        } else {
            garbage_bytes_ -= block->capacity() - bytes;
            garbage_.pop_back();
            delete block;
        }
    }
    return !garbage_.empty();
}

}  // namespace buzon::bus
