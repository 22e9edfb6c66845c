// SPDX-License-Identifier: Apache-2.0
// HashIndex: an open-addressing table from hashes to the numbers of records kept elsewhere.
// The records hold the keys; equality is asked of the caller, and only where 32 bits agree.
// Linear probing, about half full; erasing closes the gap: no tombstones, no allocation unless the
// number of records reaches a new high. It grows step by step: what an operation costs does not
// depend on the number of records, but for giving back the memory of a table that has been left (a
// millisecond for 4 MiB of it). Give it seeded hashes (hash.h).
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace buzon::bus {

// Growth. A table that is half full gets a successor of twice its size. First the successor is made
// ready, kMostPrepared slots with each change: writing them is what makes the kernel give memory,
// a millisecond for 4 MiB of it. Then it takes the other's place, and the records are moved to it
// from the first slot to the last, kMostMoved steps with each change. New ones go to the successor
// at once, and who looks for a record looks there first. It is ready for its own successor by then:
// of N slots all have been passed, and N/2 records moved, after N/40 insertions; there is room for
// N/2. A record is moved by erasing it where it was, which closes the gap, so that whatever is
// still in the old table is found there as ever.

class HashIndex {
public:
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};
    static constexpr std::size_t kMostPrepared = 256;
    static constexpr std::size_t kMostMoved = 64;

    /// The number of the record with this hash for which `is_equal(number)` holds, or kNone.
    template <typename IsEqual>
    [[nodiscard]] std::uint32_t find(std::uint64_t hash, IsEqual&& is_equal) const {
        if (used_ == 0) return kNone;
        const std::uint32_t found = now_.find(tag_of(hash), is_equal);
        if (found != kNone || !old_.exists()) [[likely]]
            return found;
        return find_in_old(tag_of(hash), is_equal);
    }

    /// The record must not be in the table yet.
    void insert(std::uint64_t hash, std::uint32_t record) {
        assert(record != kNone);
        if (used_ >= calm_below_) [[unlikely]]
            grow();
        now_.place({tag_of(hash), record});
        ++used_;
    }

    /// The record must be in the table, under this hash.
    void erase(std::uint64_t hash, std::uint32_t record) {
        const bool is_erased = now_.erase({tag_of(hash), record});
        if (!is_erased || calm_below_ == 0) [[unlikely]]
            erase_while_growing({tag_of(hash), record}, is_erased);
        --used_;
    }

    [[nodiscard]] std::size_t size() const { return used_; }
    /// Slots that growing has prepared or passed so far: its cost, as a number to test.
    [[nodiscard]] std::uint64_t steps() const { return steps_; }

private:
    struct Slot {
        std::uint32_t tag;
        std::uint32_t record;
    };

    /// A power of two of slots.
    class Table {
    public:
        Table() = default;
        /// All of them must be given a value before anything else.
        explicit Table(std::size_t size)
            : slots_(std::make_unique_for_overwrite<Slot[]>(size)), mask_(size - 1) {}

        [[nodiscard]] bool exists() const { return slots_ != nullptr; }
        [[nodiscard]] std::size_t size() const { return exists() ? mask_ + 1 : 0; }
        [[nodiscard]] Slot& operator[](std::size_t at) { return slots_[at]; }

        template <typename IsEqual>
        [[nodiscard]] std::uint32_t find(std::uint32_t tag, IsEqual& is_equal) const {
            for (std::size_t i = tag & mask_;; i = (i + 1) & mask_) {
                const Slot& slot = slots_[i];
                if (slot.record == kNone) return kNone;
                if (slot.tag == tag && is_equal(slot.record)) return slot.record;
            }
        }
        void place(Slot slot) {
            std::size_t i = slot.tag & mask_;
            while (slots_[i].record != kNone)
                i = (i + 1) & mask_;
            slots_[i] = slot;
        }
        /// False: it is not there.
        [[nodiscard]] bool erase(Slot slot) {
            std::size_t gap = slot.tag & mask_;
            for (; slots_[gap].record != slot.record; gap = (gap + 1) & mask_)
                if (slots_[gap].record == kNone) return false;
            close(gap);
            return true;
        }
        /// Moves back what stands behind `gap` and would otherwise not be reached from its home.
        void close(std::size_t gap) {
            for (std::size_t i = (gap + 1) & mask_; slots_[i].record != kNone;
                 i = (i + 1) & mask_) {
                const std::size_t home = slots_[i].tag & mask_;
                if (((i - home) & mask_) < ((i - gap) & mask_)) continue;
                slots_[gap] = slots_[i];
                gap = i;
            }
            slots_[gap].record = kNone;
        }

    private:
        std::unique_ptr<Slot[]> slots_;
        std::size_t mask_ = 0;
    };

    static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash); }

    template <typename IsEqual>
    [[gnu::noinline]] std::uint32_t find_in_old(std::uint32_t tag, IsEqual& is_equal) const {
        return old_.find(tag, is_equal);
    }

    [[gnu::noinline]] void erase_while_growing(Slot slot, bool is_erased) {
        if (!is_erased) is_erased = old_.exists() && old_.erase(slot);
        assert(is_erased);
        grow();
    }

    /// Begins to grow, or goes on.
    [[gnu::noinline]] void grow() {
        if (calm_below_ > 0 || !now_.exists()) {
            calm_below_ = 0;
            next_ = Table(std::max<std::size_t>(16, now_.size() * 2));
            passed_ = 0;
        }
        if (next_.exists()) prepare();
        if (!next_.exists()) move();
    }

    void prepare() {
        const std::size_t end = std::min(next_.size(), passed_ + kMostPrepared);
        steps_ += end - passed_;
        for (; passed_ < end; ++passed_)
            next_[passed_] = {0, kNone};
        if (passed_ < next_.size()) return;
        old_ = std::exchange(now_, std::exchange(next_, Table()));
        passed_ = 0;
    }

    void move() {
        for (std::size_t left = kMostMoved; left > 0 && passed_ < old_.size(); --left) {
            ++steps_;
            const Slot slot = old_[passed_];
            if (slot.record == kNone) {
                ++passed_;
                continue;
            }
            old_.close(passed_);
            now_.place(slot);
        }
        if (passed_ < old_.size()) return;
        old_ = Table();
        calm_below_ = now_.size() / 2;
    }

    Table now_;
    Table old_;   // while records are moved from it
    Table next_;  // while it is prepared
    std::size_t used_ = 0;
    std::size_t calm_below_ = 0;  // with so few records it does not grow; 0 while it does
    std::size_t passed_ = 0;      // slots of the one that grow() is at
    std::uint64_t steps_ = 0;
};

}  // namespace buzon::bus
