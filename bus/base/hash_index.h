// SPDX-License-Identifier: Apache-2.0
// HashIndex: an open-addressing table from hashes to the numbers of records kept elsewhere.
// The records hold the keys; equality is asked of the caller, and only where 32 bits agree.
// Linear probing, at most half full; erasing closes the gap: no tombstones, no allocation unless
// the number of records reaches a new high. Give it seeded hashes (hash.h).
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace buzon::bus {

class HashIndex {
public:
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};

    /// The number of the record with this hash for which `is_equal(number)` holds, or kNone.
    template <typename IsEqual>
    [[nodiscard]] std::uint32_t find(std::uint64_t hash, IsEqual&& is_equal) const {
        if (used_ == 0) return kNone;
        const std::uint32_t tag = tag_of(hash);
        for (std::size_t i = tag & mask();; i = (i + 1) & mask()) {
            const Slot& slot = slots_[i];
            if (slot.record == kNone) return kNone;
            if (slot.tag == tag && is_equal(slot.record)) return slot.record;
        }
    }

    /// The record must not be in the table yet.
    void insert(std::uint64_t hash, std::uint32_t record) {
        assert(record != kNone);
        if ((used_ + 1) * 2 > slots_.size()) grow();
        place({tag_of(hash), record});
        ++used_;
    }

    /// The record must be in the table, under this hash.
    void erase(std::uint64_t hash, std::uint32_t record) {
        std::size_t gap = tag_of(hash) & mask();
        while (slots_[gap].record != record) {
            assert(slots_[gap].record != kNone);
            gap = (gap + 1) & mask();
        }
        close(gap);
        --used_;
    }

    [[nodiscard]] std::size_t size() const { return used_; }

private:
    struct Slot {
        std::uint32_t tag = 0;
        std::uint32_t record = kNone;
    };

    static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash); }
    [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }

    void place(Slot slot) {
        std::size_t i = slot.tag & mask();
        while (slots_[i].record != kNone)
            i = (i + 1) & mask();
        slots_[i] = slot;
    }

    void grow() {
        std::vector<Slot> old(slots_.empty() ? 16 : slots_.size() * 2);
        old.swap(slots_);
        for (const Slot& slot : old) {
            if (slot.record != kNone) place(slot);
        }
    }

    /// Moves back what stands behind `gap` and would otherwise not be reached from its home.
    void close(std::size_t gap) {
        for (std::size_t i = (gap + 1) & mask(); slots_[i].record != kNone; i = (i + 1) & mask()) {
            const std::size_t home = slots_[i].tag & mask();
            if (((i - home) & mask()) < ((i - gap) & mask())) continue;
            slots_[gap] = slots_[i];
            gap = i;
        }
        slots_[gap] = Slot{};
    }

    std::vector<Slot> slots_;
    std::size_t used_ = 0;
};

}  // namespace buzon::bus
