// SPDX-License-Identifier: Apache-2.0
// Keyed hashes for tables whose keys strangers choose: whoever does not know the seed cannot aim
// at one bucket. Text: SipHash-1-3. Pairs of integers: a folded 128-bit product of seeded words.
// The values differ from process to process and mean nothing outside it.
// Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF".
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace buzon::bus {

struct HashSeed {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
};

/// A fresh seed from the kernel. Throws std::system_error where it gives none.
[[nodiscard]] HashSeed random_hash_seed();

/// The state of a SipHash with `kFinalRounds` final rounds. Copy it to hash prefixes of one text.
template <unsigned kCompressRounds, unsigned kFinalRounds>
class SipHash {
public:
    explicit SipHash(HashSeed seed)
        : v0_(seed.first ^ 0x736f6d6570736575U),
          v1_(seed.second ^ 0x646f72616e646f6dU),
          v2_(seed.first ^ 0x6c7967656e657261U),
          v3_(seed.second ^ 0x7465646279746573U) {}

    /// Takes the next eight bytes of the text.
    void compress(const char* eight_bytes) { compress(load(eight_bytes, 8)); }

    /// The hash of a text of `total` bytes whose last `total % 8` bytes stand at `tail`.
    [[nodiscard]] std::uint64_t finish(const char* tail, std::size_t total) const {
        SipHash last = *this;
        last.compress(load(tail, total % 8) | (std::uint64_t{total} << 56));
        last.v2_ ^= 0xff;
        for (unsigned i = 0; i < kFinalRounds; ++i)
            last.round();
        return last.v0_ ^ last.v1_ ^ last.v2_ ^ last.v3_;
    }

    [[nodiscard]] static std::uint64_t of(std::string_view text, HashSeed seed) {
        SipHash hash(seed);
        const std::size_t whole = text.size() & ~std::size_t{7};
        for (std::size_t i = 0; i < whole; i += 8)
            hash.compress(text.data() + i);
        return hash.finish(text.data() + whole, text.size());
    }

private:
    static std::uint64_t load(const char* bytes, std::size_t count) {
        std::uint64_t word = 0;
        if (count == 8) {
            std::memcpy(&word, bytes, 8);
            return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
        }
        // A short tail by two overlapping halves: no loop and no byte read beyond the text.
        if (count >= 4) {
            std::uint32_t low, high;
            std::memcpy(&low, bytes, 4);
            std::memcpy(&high, bytes + count - 4, 4);
            if constexpr (std::endian::native != std::endian::little) {
                low = __builtin_bswap32(low);
                high = __builtin_bswap32(high);
            }
            return low | (std::uint64_t{high} << (8 * (count - 4)));
        }
        for (std::size_t i = 0; i < count; ++i) {
            word |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
        }
        return word;
    }

    void compress(std::uint64_t word) {
        v3_ ^= word;
        for (unsigned i = 0; i < kCompressRounds; ++i)
            round();
        v0_ ^= word;
    }

    void round() {
        v0_ += v1_;
        v2_ += v3_;
        v1_ = std::rotl(v1_, 13) ^ v0_;
        v3_ = std::rotl(v3_, 16) ^ v2_;
        v0_ = std::rotl(v0_, 32);
        v2_ += v1_;
        v0_ += v3_;
        v1_ = std::rotl(v1_, 17) ^ v2_;
        v3_ = std::rotl(v3_, 21) ^ v0_;
        v2_ = std::rotl(v2_, 32);
    }

    std::uint64_t v0_, v1_, v2_, v3_;
};

using TextHashState = SipHash<1, 3>;

[[nodiscard]] inline std::uint64_t hash_text(std::string_view text, HashSeed seed) {
    return TextHashState::of(text, seed);
}

/// For two integers: a few cycles, all bits of the result usable.
[[nodiscard]] inline std::uint64_t hash_words(std::uint64_t a, std::uint64_t b, HashSeed seed) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = Wide{a ^ seed.first} * (b ^ seed.second);
    // One seed in a hundred makes a product whose low bits hardly change; so mix once more.
    std::uint64_t hash =
        static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    hash = (hash ^ (hash >> 32)) * 0x9e3779b97f4a7c15U;
    return hash ^ (hash >> 32);
}

/// Hasher for numbers that we give out ourselves, so that nobody chooses them.
struct IdHash {
    template <typename Id>
    std::uint64_t operator()(Id id) const {
        return (static_cast<std::uint64_t>(id) * 0x9e3779b97f4a7c15U) >> 32;
    }
};

/// The same for addresses of our objects.
struct AddressHash {
    std::uint64_t operator()(const void* address) const {
        return IdHash()(reinterpret_cast<std::uintptr_t>(address));
    }
};

/// Hasher for a SlabMap keyed by text; look-ups with a string_view build no string.
class TextHash {
public:
    explicit TextHash(HashSeed seed) : seed_(seed) {}
    std::size_t operator()(std::string_view text) const { return hash_text(text, seed_); }

private:
    HashSeed seed_;
};

}  // namespace buzon::bus
