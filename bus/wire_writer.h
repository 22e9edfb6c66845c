// SPDX-License-Identifier: Apache-2.0
// Marshalling of values into a growing buffer, in a chosen byte order.
// The caller keeps to the signature that he announces; the writer takes care of alignment.
// Errors: none; lengths over the protocol's limits are the caller's to avoid (asserted).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "bus/protocol.h"

namespace buzon::bus {

class WireWriter {
public:
    explicit WireWriter(ByteOrder order = ByteOrder::Little) : order_(order) {}

    void write_byte(std::uint8_t value);
    void write_boolean(bool value);
    void write_uint16(std::uint16_t value);
    void write_int16(std::int16_t value);
    void write_uint32(std::uint32_t value);
    void write_int32(std::int32_t value);
    void write_uint64(std::uint64_t value);
    void write_int64(std::int64_t value);
    void write_double(double value);
    /// For `s` and `o`: length, bytes, NUL.
    void write_string(std::string_view text);
    /// For `g`, also the type in front of a variant's value.
    void write_signature(std::string_view text);

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
    [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    /// Empties the buffer and keeps its memory.
    void clear() { bytes_.clear(); }
    std::vector<std::byte> take() { return std::move(bytes_); }

private:
    template <typename Unsigned>
    void write_unsigned(Unsigned value);

    std::vector<std::byte> bytes_;
    ByteOrder order_;
};

}  // namespace buzon::bus
