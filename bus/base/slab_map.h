// SPDX-License-Identifier: Apache-2.0
// SlabMap: a hash table of keys and values that stay where they are until they are erased. Unlike
// std::unordered_map it grows step by step: no operation takes longer for there being many.
// The hash must be good in its lower 32 bits: TextHash, IdHash, hash_words().
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "bus/base/hash_index.h"
#include "bus/base/slab.h"

namespace buzon::bus {

/// `Key` and `Value` must have a default, which holds nothing, and be movable.
template <typename Key, typename Value, typename Hash>
class SlabMap {
public:
    struct Entry {
        Key key{};
        Value value{};
        bool is_present = false;
    };

    explicit SlabMap(Hash hash = Hash()) : hash_(std::move(hash)) {}

    /// Null: it is not there. `Asked` is whatever the hash takes and keys can be compared with.
    template <typename Asked>
    [[nodiscard]] const Value* find(const Asked& key) const {
        const Value* value = nullptr;
        (void)index_.find(hash_(key), [&](std::uint32_t number) {
            const Entry& entry = entries_[number];
            if (!(entry.key == key)) return false;
            value = &entry.value;
            return true;
        });
        return value;
    }
    template <typename Asked>
    [[nodiscard]] Value* find(const Asked& key) {
        return const_cast<Value*>(std::as_const(*this).find(key));
    }
    template <typename Asked>
    [[nodiscard]] bool contains(const Asked& key) const {
        return find(key) != nullptr;
    }

    /// With a value that is Value{} where the key was not there before: then it says true.
    template <typename Asked>
    std::pair<Entry&, bool> find_or_add(const Asked& key) {
        const std::uint64_t hash = hash_(key);
        std::uint32_t number = number_of(key, hash);
        if (number != kNone) return {entries_[number], false};
        number = entries_.add({Key(key), Value{}, true});
        index_.insert(hash, number);
        return {entries_[number], true};
    }
    template <typename Asked>
    [[nodiscard]] Value& operator[](const Asked& key) {
        return find_or_add(key).first.value;
    }
    /// False: it was not there.
    template <typename Asked>
    bool erase(const Asked& key) {
        const std::uint64_t hash = hash_(key);
        const std::uint32_t number = number_of(key, hash);
        if (number == kNone) return false;
        index_.erase(hash, number);
        entries_.remove(number);
        return true;
    }

    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    [[nodiscard]] bool empty() const { return size() == 0; }
    /// How many steps for_each() takes: of as many as there once were.
    [[nodiscard]] std::size_t extent() const { return entries_.end(); }
    /// `visit(const Key&, const Value&)`, in no order.
    template <typename Visitor>
    void for_each(Visitor&& visit) const {
        for (std::uint32_t number = 0; number < entries_.end(); ++number) {
            const Entry& entry = entries_[number];
            if (entry.is_present) visit(entry.key, entry.value);
        }
    }

private:
    static constexpr std::uint32_t kNone = HashIndex::kNone;

    template <typename Asked>
    [[nodiscard]] std::uint32_t number_of(const Asked& key, std::uint64_t hash) const {
        return index_.find(hash, [&](std::uint32_t number) { return entries_[number].key == key; });
    }

    Hash hash_;
    Slab<Entry> entries_;
    HashIndex index_;
};

}  // namespace buzon::bus
