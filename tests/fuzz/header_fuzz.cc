// SPDX-License-Identifier: Apache-2.0
// Whatever bytes arrive: a header is refused, or it can be stamped and parses again to the same.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "bus/header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace buzon::bus;
    const auto bytes = std::as_bytes(std::span(data, size));
    if (size < kFixedHeaderBytes) return 0;
    const auto length = message_length(bytes, kMaxMessageBytes);
    if (!length || *length > size) return 0;
    const auto header = parse_header(bytes);
    if (!header) return 0;
    std::vector<std::byte> stamped(stamped_bytes_at_most(*header, ":1.42"), std::byte{0xee});
    stamped.resize(stamp_sender(*header, bytes.first(header->head_bytes()), ":1.42", stamped));
    const auto again = parse_header(stamped);
    if (!again || again->sender != ":1.42" || again->path != header->path ||
        again->member != header->member || again->destination != header->destination ||
        again->signature != header->signature || again->serial != header->serial ||
        again->unix_fds != header->unix_fds || again->head_bytes() != stamped.size())
        std::abort();
    return 0;
}
