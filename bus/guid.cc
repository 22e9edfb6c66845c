// SPDX-License-Identifier: Apache-2.0
#include "bus/guid.h"

#include <algorithm>
#include <chrono>

#include "bus/base/hex.h"
#include "bus/base/random.h"
#include "bus/wire_reader.h"

namespace buzon::bus {

std::string_view describe(GuidError error) {
    switch (error) {
        case GuidError::WrongLength: return "a GUID has 32 hexadecimal digits";
        case GuidError::BadDigit: return "a GUID has hexadecimal digits only";
    }
    return "unknown error";
}

Guid::Guid(std::span<const std::byte, kRandomBytes> random, std::uint32_t seconds) {
    std::ranges::copy(random, bytes_.begin());
    store_unsigned(bytes_.data() + kRandomBytes, seconds, ByteOrder::Big);
}

Result<Guid, GuidError> Guid::parse(std::string_view text) {
    if (text.size() != kBytes * 2) return Unexpected{GuidError::WrongLength};
    const auto bytes = from_hex(text);
    if (!bytes) return Unexpected{GuidError::BadDigit};
    std::array<std::byte, kBytes> raw{};
    std::ranges::copy(std::as_bytes(std::span(*bytes)), raw.begin());
    return Guid(raw);
}

std::string Guid::to_string() const {
    return to_hex(bytes_);
}

Guid generate_guid() {
    std::array<std::byte, Guid::kRandomBytes> random{};
    fill_random(random);
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
    return Guid(random, static_cast<std::uint32_t>(seconds));
}

}  // namespace buzon::bus
