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

namespace buzon::bus {

namespace detail {
constexpr bool kNativeIsLittle = std::endian::native == std::endian::little;
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

class WireReader {
public:
    /// `bytes` starts at an offset of 0 modulo 8.
    WireReader(std::span<const std::byte> bytes, ByteOrder order) : bytes_(bytes), order_(order) {}

    [[nodiscard]] std::size_t position() const { return position_; }
    [[nodiscard]] bool at_end() const { return position_ == bytes_.size(); }
    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] ByteOrder order() const { return order_; }

    std::optional<std::uint8_t> read_byte();
    /// Fails on values other than 0 and 1.
    std::optional<bool> read_boolean();
    std::optional<std::uint16_t> read_uint16();
    std::optional<std::uint32_t> read_uint32();
    std::optional<std::uint64_t> read_uint64();
    /// For `s` and `o`; the NUL behind it is checked, UTF-8 is not.
    std::optional<std::string_view> read_string();
    /// For `g`.
    std::optional<std::string_view> read_signature();
    /// Reads the length of an array and stands before its first element.
    /// `element` is the code of the element's type. Returns the offset at which the array ends.
    std::optional<std::size_t> enter_array(char element);
    /// Goes to the next multiple of `alignment`; padding must be zero.
    bool align(std::size_t alignment);
    /// Steps over one complete value of `type`, which must be one valid complete type.
    bool skip(std::string_view type);

private:
    template <typename Unsigned>
    std::optional<Unsigned> read_unsigned();
    bool skip_value(std::string_view type, unsigned depth);
    [[nodiscard]] std::size_t remaining() const { return bytes_.size() - position_; }
    bool fail();

    std::span<const std::byte> bytes_;
    std::size_t position_ = 0;
    ByteOrder order_;
    bool failed_ = false;
};

}  // namespace buzon::bus
