// SPDX-License-Identifier: Apache-2.0
// Byte blocks in a few sizes, shared by reference and used again instead of being freed: a fresh
// 1 MiB costs 256 page faults, a used one none.
// Invariant: the pool outlives its blocks. What it keeps for later is bounded (kMaxKeptBytes).
// The kernel takes 8 ms to free 128 MiB, so who has others to serve lets go of that in parts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "bus/base/ref.h"

namespace buzon::bus {

class BlockPool;

class Block : public RefCounted<Block> {
public:
    [[nodiscard]] std::byte* data() { return data_; }
    [[nodiscard]] const std::byte* data() const { return data_; }
    [[nodiscard]] std::size_t capacity() const { return capacity_; }

    /// More room behind what is there; only for a block of 64 KiB or more that nobody shares.
    /// False: there is no memory, and nothing has changed.
    [[nodiscard]] bool try_grow(std::size_t bytes);

    static void release_last(const Block* last);

private:
    /// Gives back `bytes` from its end; what is left is still a mapped block.
    void shrink(std::size_t bytes);

    friend class BlockPool;
    Block(BlockPool& pool, std::byte* data, std::size_t capacity)
        : pool_(pool), data_(data), capacity_(capacity) {}
    ~Block();

    BlockPool& pool_;
    std::byte* data_;
    std::size_t capacity_;
};

class BlockPool {
public:
    BlockPool() = default;
    BlockPool(const BlockPool&) = delete;
    BlockPool& operator=(const BlockPool&) = delete;
    BlockPool(BlockPool&&) = delete;
    BlockPool& operator=(BlockPool&&) = delete;
    ~BlockPool();

    /// A block of at least `bytes`, contents undefined. Throws std::bad_alloc.
    Ref<Block> take(std::size_t bytes);
    /// The same where running out is to be expected: null.
    Ref<Block> try_take(std::size_t bytes);
    /// From now on blocks of 16 KiB or more that are not kept are freed by free_some() alone, and
    /// `on_garbage` is called when there is something for it.
    void free_in_parts(std::function<void()> on_garbage) { on_garbage_ = std::move(on_garbage); }
    /// Frees a part of what is to be freed, 4 MiB or a 32nd of it: a millisecond, if there is less
    /// than 128 MiB. True: there is more.
    bool free_some();
    [[nodiscard]] std::size_t kept_bytes() const { return kept_bytes_; }
    [[nodiscard]] std::size_t blocks_in_use() const { return blocks_in_use_; }

private:
    friend class Block;
    void give_back(Block* block);
    void drop(Block* block);

    static constexpr std::size_t kSmallestBytes = 512;
    static constexpr std::size_t kClasses = 15;  // 512 bytes … 8 MiB; larger ones are not kept
    static constexpr std::size_t kMaxKeptBytes = std::size_t{16} << 20;

    std::array<std::vector<Block*>, kClasses> kept_;
    std::vector<Block*> garbage_;
    std::size_t garbage_bytes_ = 0;
    std::function<void()> on_garbage_;
    std::size_t kept_bytes_ = 0;
    std::size_t blocks_in_use_ = 0;
};

}  // namespace buzon::bus
