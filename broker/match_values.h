// SPDX-License-Identifier: Apache-2.0
// The texts that match rules compare with, each kept once under a small number. A text of a
// message that has no number here is asked for by no rule at all.
// Invariant: a value lives while someone holds a reference to it; its text does not move.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "bus/base/hash.h"
#include "bus/base/hash_index.h"
#include "bus/base/slab.h"

namespace buzon::broker {

class MatchValues {
public:
    using Id = std::uint32_t;
    static constexpr Id kNone = bus::HashIndex::kNone;

    explicit MatchValues(bus::HashSeed seed) : seed_(seed) {}

    /// Takes a reference, to be given back with release().
    Id acquire(std::string_view text);
    void acquire(Id value) { ++values_[value].references; }
    void release(Id value);

    /// kNone for a text that nobody holds.
    [[nodiscard]] Id find(std::string_view text) const;
    /// The same for a text whose hash is known.
    [[nodiscard]] Id find(std::string_view text, std::uint64_t hash) const;
    [[nodiscard]] std::string_view text(Id value) const { return values_[value].view(); }
    [[nodiscard]] bus::HashSeed seed() const { return seed_; }
    [[nodiscard]] std::size_t size() const { return values_.size(); }

private:
    struct Value {
        std::unique_ptr<char[]> bytes;
        std::uint32_t size = 0;
        std::uint32_t references = 0;
        [[nodiscard]] std::string_view view() const { return {bytes.get(), size}; }
    };

    bus::HashSeed seed_;
    bus::Slab<Value> values_;
    bus::HashIndex index_;
};

}  // namespace buzon::broker
