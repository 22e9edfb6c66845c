// SPDX-License-Identifier: Apache-2.0
// Addresses parse or fail, and what parses is written in a form that parses to the same value.
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "bus/address.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace buzon::bus;
    const auto list = parse_addresses({reinterpret_cast<const char*>(data), size});
    if (!list) return 0;
    const auto again = parse_addresses(format_addresses(*list));
    assert(again && *again == *list);
    return 0;
}
