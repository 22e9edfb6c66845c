// SPDX-License-Identifier: Apache-2.0
// Input: byte order, length of the signature, signature, body.
// A body that passes is what the reader steps over, type by type, to the last byte. The check in
// pieces says the same as the one at once.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "bus/body_check.h"
#include "bus/signature.h"
#include "bus/wire_reader.h"

using namespace buzon::bus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2 || size - 2 < data[1]) return 0;
    const ByteOrder order = data[0] == 'B' ? ByteOrder::Big : ByteOrder::Little;
    const std::string_view signature(reinterpret_cast<const char*>(data) + 2, data[1]);
    const auto body = std::as_bytes(std::span(data, size)).subspan(2 + signature.size());
    if (!check_signature(signature)) return 0;
    const auto checked = check_body(signature, body, order);
    BodyCheck check(signature, body, order);
    while (check.advance(16) == BodyProgress::Unfinished)
        continue;
    if (checked.has_value() != (check.advance(16) == BodyProgress::Valid)) std::abort();
    if (!checked && checked.error() != check.error()) std::abort();
    if (!checked) return 0;

    WireReader reader(body, order);
    for (std::string_view rest = signature; !rest.empty();) {
        const std::size_t length = first_type_length(rest);
        if (!reader.skip(rest.substr(0, length))) std::abort();
        rest.remove_prefix(length);
    }
    if (!reader.at_end() || reader.failed()) std::abort();
    return 0;
}
