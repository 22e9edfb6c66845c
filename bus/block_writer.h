// SPDX-License-Identifier: Apache-2.0
// Marshalling into one block that grows in place: for a body that is too long to be copied, or to
// be written in one go. Little-endian; only what such bodies consist of.
// Invariant: what is written has been reserved. Errors: try_reserve() alone, when there is no
// memory; nothing has changed then.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "bus/base/block_pool.h"
#include "bus/signature.h"
#include "bus/wire_reader.h"
#include "bus/wire_writer.h"

namespace buzon::bus {

class BlockWriter {
public:
    explicit BlockWriter(BlockPool& pool) : pool_(pool) {}

    /// Room for so many bytes behind what has been written, padding included.
    [[nodiscard]] bool try_reserve(std::size_t bytes) {
        const std::size_t end = size_ + bytes;
        if (!block_) block_ = pool_.try_take(std::max(end, kFirstBytes));
        if (!block_ || (end > block_->capacity() && !block_->try_grow(end))) return false;
        reserved_ = std::max(reserved_, end);
        return true;
    }

    void write_uint32(std::uint32_t value) {
        align(sizeof value);
        store_unsigned(at(sizeof value), value, ByteOrder::Little);
        size_ += sizeof value;
    }
    void write_string(std::string_view text) {
        write_uint32(static_cast<std::uint32_t>(text.size()));
        std::byte* const to = at(text.size() + 1);
        std::copy_n(text.data(), text.size(), reinterpret_cast<char*>(to));
        to[text.size()] = std::byte{0};
        size_ += text.size() + 1;
    }
    /// What is marshalled already, and stands where its alignment wants it.
    void write_marshalled(std::span<const std::byte> bytes) {
        std::copy(bytes.begin(), bytes.end(), at(bytes.size()));
        size_ += bytes.size();
    }
    /// The last `bytes` have not been written.
    void take_back(std::size_t bytes) {
        assert(bytes <= size_);
        size_ -= bytes;
    }
    /// As those of WireWriter.
    [[nodiscard]] WireWriter::ArrayMark begin_array(char element) {
        write_uint32(0);
        const std::size_t length_at = size_ - sizeof(std::uint32_t);
        align(alignment_of(element));
        return {length_at, size_};
    }
    void end_array(WireWriter::ArrayMark mark) {
        store_unsigned(block_->data() + mark.length_at,
                       static_cast<std::uint32_t>(size_ - mark.first_element_at),
                       ByteOrder::Little);
    }
    void align(std::size_t alignment) {
        const std::size_t padding = align_up(size_, alignment) - size_;
        std::fill_n(at(padding), padding, std::byte{0});
        size_ += padding;
    }

    [[nodiscard]] std::size_t size() const { return size_; }
    /// The most that has been asked for: its cost in memory.
    [[nodiscard]] std::size_t reserved() const { return reserved_; }
    [[nodiscard]] std::span<const std::byte> bytes() const {
        return {block_ ? block_->data() : nullptr, size_};
    }
    /// Keeps bytes() alive; null while nothing has been reserved.
    [[nodiscard]] Ref<const Block> block() const { return block_; }
    void clear() {
        block_ = nullptr;
        size_ = reserved_ = 0;
    }

private:
    static constexpr std::size_t kFirstBytes = std::size_t{64} << 10;  // from there it may grow

    std::byte* at([[maybe_unused]] std::size_t bytes) {
        assert(size_ + bytes <= reserved_);
        return block_->data() + size_;
    }

    BlockPool& pool_;
    Ref<Block> block_;
    std::size_t size_ = 0;
    std::size_t reserved_ = 0;
};

}  // namespace buzon::bus
