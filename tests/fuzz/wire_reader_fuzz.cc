// SPDX-License-Identifier: Apache-2.0
// Input: byte order, number of reads, one byte for each read, then the bytes to read from.
// What was read, written again in the same order, gives the bytes that were read; a reader that
// has failed fails for good.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "bus/wire_reader.h"
#include "bus/wire_writer.h"

using namespace buzon::bus;

namespace {

constexpr std::string_view kElements = "ybqutsogav({";
constexpr std::string_view kSkipped[] = {"v",     "s",       "as",           "(yv)",
                                         "a{sv}", "(a(yx))", "(ybnqiuxtdh)", "(soga{y(ta{yv})})"};

void require(bool holds) {
    if (!holds) std::abort();
}

/// Copies what the reader stepped over, unseen.
void copy_bytes(std::span<const std::byte> bytes, WireWriter& writer) {
    for (const std::byte byte : bytes)
        writer.write_byte(std::to_integer<std::uint8_t>(byte));
}

bool read_array(WireReader& reader, WireWriter& writer, char element) {
    const auto end = reader.enter_array(element);
    if (!end) return false;
    writer.write_uint32(static_cast<std::uint32_t>(*end - reader.position()));
    writer.align(alignment_of(element));
    return true;
}

bool skip(WireReader& reader,
          WireWriter& writer,
          std::span<const std::byte> bytes,
          std::string_view type) {
    const std::size_t from = reader.position();
    if (!reader.skip(type)) return false;
    copy_bytes(bytes.subspan(from, reader.position() - from), writer);
    return true;
}

template <typename T, typename Sink>
bool copy(std::optional<T> value, Sink sink) {
    if (value) sink(*value);
    return value.has_value();
}

bool read_one(std::uint8_t what, WireReader& r, WireWriter& w, std::span<const std::byte> bytes) {
    switch (what % 10) {
        case 0: return copy(r.read_byte(), [&](auto v) { w.write_byte(v); });
        case 1: return copy(r.read_boolean(), [&](auto v) { w.write_boolean(v); });
        case 2: return copy(r.read_uint16(), [&](auto v) { w.write_uint16(v); });
        case 3: return copy(r.read_uint32(), [&](auto v) { w.write_uint32(v); });
        case 4: return copy(r.read_uint64(), [&](auto v) { w.write_uint64(v); });
        case 5: return copy(r.read_string(), [&](auto v) { w.write_string(v); });
        case 6: return copy(r.read_signature(), [&](auto v) { w.write_signature(v); });
        case 7: return read_array(r, w, kElements[what / 10 % kElements.size()]);
        case 8: return skip(r, w, bytes, kSkipped[what / 10 % std::size(kSkipped)]);
        default: {
            const std::size_t alignment = std::size_t{1} << (what / 10 % 4);
            if (!r.align(alignment)) return false;
            w.align(alignment);
            return true;
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const ByteOrder order = data[0] == 'B' ? ByteOrder::Big : ByteOrder::Little;
    const std::size_t reads = std::min<std::size_t>(data[1], size - 2);
    const auto bytes = std::as_bytes(std::span(data, size)).subspan(2 + reads);
    WireReader reader(bytes, order);
    WireWriter writer(order);
    for (std::size_t i = 0; i < reads; ++i) {
        const bool failed_before = reader.failed();
        const bool done = read_one(data[2 + i], reader, writer, bytes);
        require(done != reader.failed());
        require(reader.position() <= bytes.size());
        if (!done) require(reader.at_end());
        if (failed_before) require(!done);
        if (done) require(std::ranges::equal(writer.bytes(), bytes.first(reader.position())));
    }
    return 0;
}
