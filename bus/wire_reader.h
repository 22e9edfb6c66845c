// SPDX-License-Identifier: Apache-2.0
// Bounds-checked unmarshalling of values, one after the other, from bytes in either byte order.
// Invariant: after a failure the reader stands at the end and every further read fails.
// Views returned point into the bytes and live as long as they do.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "bus/protocol.h"
#include "bus/signature.h"

namespace buzon::bus {

namespace detail {
constexpr bool kNativeIsLittle = std::endian::native == std::endian::little;
constexpr std::uint8_t swapped(std::uint8_t v) {
    return v;
}
constexpr std::uint16_t swapped(std::uint16_t v) {
    return __builtin_bswap16(v);
}
constexpr std::uint32_t swapped(std::uint32_t v) {
    return __builtin_bswap32(v);
}
constexpr std::uint64_t swapped(std::uint64_t v) {
    return __builtin_bswap64(v);
}
}  // namespace detail

/// The unsigned integer at `from`, which must have that many bytes.
template <typename Unsigned>
[[nodiscard]] inline Unsigned load_unsigned(const std::byte* from, ByteOrder order) {
    Unsigned raw;
    std::memcpy(&raw, from, sizeof raw);
    return (order == ByteOrder::Little) == detail::kNativeIsLittle ? raw : detail::swapped(raw);
}

template <typename Unsigned>
inline void store_unsigned(std::byte* to, Unsigned value, ByteOrder order) {
    const Unsigned raw =
        (order == ByteOrder::Little) == detail::kNativeIsLittle ? value : detail::swapped(value);
    std::memcpy(to, &raw, sizeof raw);
}

[[nodiscard]] constexpr std::size_t align_up(std::size_t offset, std::size_t alignment) {
    return (offset + alignment - 1) & ~(alignment - 1);
}

namespace detail {
/// Whether the bytes from `offset` to the next multiple of `Word`'s size, all of which must be
/// there, are zero. `base` is the start of the message or of its body.
template <typename Word>
[[nodiscard]] inline bool padding_is_zero(const std::byte* base, std::size_t offset) {
    const std::size_t used = offset % sizeof(Word);
    if (used == 0) return true;
    const Word word = load_unsigned<Word>(base + (offset - used), ByteOrder::Little);
    return (std::uint64_t{word} >> (8 * used)) == 0;
}
}  // namespace detail

class WireReader {
public:
    /// `bytes` starts at an offset of 0 modulo 8.
    WireReader(std::span<const std::byte> bytes, ByteOrder order) : bytes_(bytes), order_(order) {}

    [[nodiscard]] std::size_t position() const { return position_; }
    [[nodiscard]] bool at_end() const { return position_ == bytes_.size(); }
    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] ByteOrder order() const { return order_; }

    std::optional<std::uint8_t> read_byte() { return read_unsigned<std::uint8_t>(); }
    /// Fails on values other than 0 and 1.
    std::optional<bool> read_boolean();
    std::optional<std::uint16_t> read_uint16() { return read_unsigned<std::uint16_t>(); }
    std::optional<std::uint32_t> read_uint32() { return read_unsigned<std::uint32_t>(); }
    std::optional<std::uint64_t> read_uint64() { return read_unsigned<std::uint64_t>(); }
    /// For `s` and `o`; the NUL behind it is checked, UTF-8 is not.
    std::optional<std::string_view> read_string() { return read_text<std::uint32_t>(); }
    /// For `g`; the NUL behind it is checked, its syntax is not.
    std::optional<std::string_view> read_signature() { return read_text<std::uint8_t>(); }
    /// Reads the length of an array and stands before its first element.
    /// `element` is the code of the element's type. Returns the offset at which the array ends.
    std::optional<std::size_t> enter_array(char element);
    /// Goes to the next multiple of `alignment`; padding must be zero.
    bool align(std::size_t alignment);
    /// Steps over one complete value of `type`, which must be one valid complete type. Lengths and
    /// the types of variants are checked; the elements of arrays are not looked at.
    bool skip(std::string_view type) { return skip_value(type, 0); }

private:
    template <typename Unsigned>
    std::optional<Unsigned> read_unsigned();
    template <typename Length>
    std::optional<std::string_view> read_text();
    bool skip_value(std::string_view type, unsigned depth);
    bool skip_variable(std::string_view& type, unsigned depth);
    [[nodiscard]] std::size_t remaining() const { return bytes_.size() - position_; }
    bool fail();

    std::span<const std::byte> bytes_;
    std::size_t position_ = 0;
    ByteOrder order_;
    bool failed_ = false;
};

inline bool WireReader::fail() {
    failed_ = true;
    position_ = bytes_.size();
    return false;
}

inline bool WireReader::align(std::size_t alignment) {
    const std::size_t at = align_up(position_, alignment);
    if (failed_ || at > bytes_.size()) return fail();
    const bool zero =
        alignment == 8   ? detail::padding_is_zero<std::uint64_t>(bytes_.data(), position_)
        : alignment == 4 ? detail::padding_is_zero<std::uint32_t>(bytes_.data(), position_)
        : alignment == 2 ? detail::padding_is_zero<std::uint16_t>(bytes_.data(), position_)
                         : true;
    if (!zero) return fail();
    position_ = at;
    return true;
}

template <typename Unsigned>
inline std::optional<Unsigned> WireReader::read_unsigned() {
    if (!align(sizeof(Unsigned))) return std::nullopt;
    if (remaining() < sizeof(Unsigned)) {
        fail();
        return std::nullopt;
    }
    const auto value = load_unsigned<Unsigned>(bytes_.data() + position_, order_);
    position_ += sizeof(Unsigned);
    return value;
}

template <typename Length>
inline std::optional<std::string_view> WireReader::read_text() {
    const auto length = read_unsigned<Length>();
    if (!length) return std::nullopt;
    if (remaining() <= *length || bytes_[position_ + *length] != std::byte{0}) {
        fail();
        return std::nullopt;
    }
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + position_, *length);
    position_ += *length + std::size_t{1};
    return text;
}

}  // namespace buzon::bus
