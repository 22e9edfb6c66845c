// SPDX-License-Identifier: Apache-2.0
#include "bus/wire_writer.h"

#include "bus/signature.h"

namespace buzon::bus {
namespace {

constexpr std::size_t kFirstBufferBytes = 256;

}  // namespace

void WireWriter::grow(std::size_t needed) {
    buffer_.resize(std::max({needed, buffer_.size() * 2, kFirstBufferBytes}));
}

WireWriter::ArrayMark WireWriter::begin_array(char element) {
    write_uint32(0);
    const std::size_t length_at = size_ - sizeof(std::uint32_t);
    align(alignment_of(element));
    return {length_at, size_};
}

void WireWriter::end_array(ArrayMark mark) {
    const std::size_t length = size_ - mark.first_element_at;
    assert(length <= kMaxArrayBytes);
    store_unsigned(buffer_.data() + mark.length_at, static_cast<std::uint32_t>(length), order_);
}

std::vector<std::byte> WireWriter::take() {
    buffer_.resize(size_);
    size_ = 0;
    return std::exchange(buffer_, {});
}

}  // namespace buzon::bus
