// SPDX-License-Identifier: Apache-2.0
// Marshalling of values into a growing buffer, in a chosen byte order.
// The caller keeps to the signature that he announces; the writer takes care of alignment.
// Errors: none; lengths over the protocol's limits are the caller's to avoid (asserted).
#pragma once

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "bus/protocol.h"
#include "bus/wire_reader.h"

namespace buzon::bus {

class WireWriter {
public:
    explicit WireWriter(ByteOrder order = ByteOrder::Little) : order_(order) {}

    void write_byte(std::uint8_t value) { write_unsigned(value); }
    void write_boolean(bool value) { write_unsigned(std::uint32_t{value}); }
    void write_uint16(std::uint16_t value) { write_unsigned(value); }
    void write_int16(std::int16_t value) { write_unsigned(static_cast<std::uint16_t>(value)); }
    void write_uint32(std::uint32_t value) { write_unsigned(value); }
    void write_int32(std::int32_t value) { write_unsigned(static_cast<std::uint32_t>(value)); }
    void write_uint64(std::uint64_t value) { write_unsigned(value); }
    void write_int64(std::int64_t value) { write_unsigned(static_cast<std::uint64_t>(value)); }
    void write_double(double value) { write_unsigned(std::bit_cast<std::uint64_t>(value)); }
    /// For `s` and `o`: length, bytes, NUL.
    void write_string(std::string_view text) { write_text<std::uint32_t>(text); }
    /// For `g`, also the type in front of a variant's value.
    void write_signature(std::string_view text) { write_text<std::uint8_t>(text); }

    /// Opens an array whose elements start with type code `element`; give what it returns to
    /// end_array(). Arrays nest.
    struct ArrayMark {
        std::size_t length_at;
        std::size_t first_element_at;
    };
    [[nodiscard]] ArrayMark begin_array(char element);
    void end_array(ArrayMark mark);
    /// Before the first member of a struct or dict entry.
    void align_struct() { align(8); }
    void align(std::size_t alignment);

    [[nodiscard]] ByteOrder order() const { return order_; }
    [[nodiscard]] std::span<const std::byte> bytes() const { return {buffer_.data(), size_}; }
    [[nodiscard]] std::size_t size() const { return size_; }
    /// Empties the buffer and keeps its memory, up to what ordinary messages need.
    void clear() {
        size_ = 0;
        if (buffer_.size() > kKeptBytes) buffer_ = {};
    }
    /// What was written; the writer is empty afterwards.
    std::vector<std::byte> take();

private:
    static constexpr std::size_t kKeptBytes = std::size_t{256} << 10;

    template <typename Unsigned>
    void write_unsigned(Unsigned value);
    template <typename Length>
    void write_text(std::string_view text);
    /// Pads to `alignment` with zeros and returns where the next value goes; `room` bytes are
    /// there.
    std::byte* pad(std::size_t alignment, std::size_t room);
    void grow(std::size_t needed);

    std::vector<std::byte> buffer_;  // as large as it ever became; the first size_ bytes count
    std::size_t size_ = 0;
    ByteOrder order_;
};

inline std::byte* WireWriter::pad(std::size_t alignment, std::size_t room) {
    constexpr std::uint64_t kZeros = 0;  // written whole: more than any padding, less to decide
    const std::size_t at = align_up(size_, alignment);
    const std::size_t needed = at + sizeof kZeros + room;
    if (needed > buffer_.size()) grow(needed);
    std::memcpy(buffer_.data() + size_, &kZeros, sizeof kZeros);
    size_ = at;
    return buffer_.data() + at;
}

inline void WireWriter::align(std::size_t alignment) {
    pad(alignment, 0);
}

template <typename Unsigned>
inline void WireWriter::write_unsigned(Unsigned value) {
    store_unsigned(pad(sizeof value, sizeof value), value, order_);
    size_ += sizeof value;
}

template <typename Length>
inline void WireWriter::write_text(std::string_view text) {
    assert(text.size() <= std::numeric_limits<Length>::max() && text.size() < kMaxMessageBytes);
    std::byte* const to = pad(sizeof(Length), sizeof(Length) + text.size() + 1);
    store_unsigned(to, static_cast<Length>(text.size()), order_);
    std::copy_n(text.data(), text.size(), reinterpret_cast<char*>(to) + sizeof(Length));
    to[sizeof(Length) + text.size()] = std::byte{0};
    size_ += sizeof(Length) + text.size() + 1;
}

}  // namespace buzon::bus
