// SPDX-License-Identifier: Apache-2.0
// A signature that passes consists of complete types that each pass alone, and nothing else.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "bus/signature.h"

using namespace buzon::bus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const bool single = bool{check_single_type(text)};
    if (!check_signature(text)) {
        if (single) std::abort();
        return 0;
    }
    std::size_t types = 0;
    for (std::string_view rest = text; !rest.empty(); ++types) {
        const std::size_t length = first_type_length(rest);
        if (length == 0 || length > rest.size()) std::abort();
        if (!check_single_type(rest.substr(0, length))) std::abort();
        if (alignment_of(rest.front()) == 0) std::abort();
        rest.remove_prefix(length);
    }
    if (single != (types == 1)) std::abort();
    return 0;
}
