// SPDX-License-Identifier: Apache-2.0
// A message body against its signature: every length, padding byte, string, boolean and nested
// variant. A body that passes can be read by any client library without a further check.
// Compat: as in dbus-daemon, an array counts for the depth only if its elements had to be looked
// at: neither an empty one nor one of numbers.
// Not checked: that an `h` index has a descriptor (the reference does not, clients do).
// Source: D-Bus Specification, "Marshaling"; limits as in protocol.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "bus/base/result.h"
#include "bus/protocol.h"
#include "bus/utf8.h"

namespace buzon::bus {

enum class BodyError : std::uint8_t {
    Truncated,      // a value runs past the end
    TrailingBytes,  // bytes behind the last value
    PaddingNotZero,
    BooleanOutOfRange,
    StringNotUtf8,
    StringHasNul,
    StringNotTerminated,
    ObjectPathInvalid,
    SignatureInvalid,
    VariantNotOneType,
    ArrayTooLong,
    ArrayLengthNotMultiple,
    ArrayOverrun,  // the last element does not end where the array ends
    TooDeep,
};

[[nodiscard]] std::string_view describe(BodyError error);

/// `signature` must be valid (check_signature); `body` starts at an offset of 0 modulo 8.
Result<void, BodyError> check_body(std::string_view signature,
                                   std::span<const std::byte> body,
                                   ByteOrder order);

enum class BodyProgress : std::uint8_t { Unfinished, Valid, Invalid };

/// The same check in pieces, for bodies so long that others would have to wait meanwhile.
class BodyCheck {
public:
    /// As for check_body(); signature and body must outlive the check.
    BodyCheck(std::string_view signature, std::span<const std::byte> body, ByteOrder order);
    ~BodyCheck();
    BodyCheck(BodyCheck&&) noexcept;
    BodyCheck& operator=(BodyCheck&&) noexcept;

    /// Checks at least `bytes` more, and usually at most 64 KiB beyond that; only an array of
    /// fixed-size elements and an object path are never divided. The last answer stays.
    BodyProgress advance(std::size_t bytes);
    /// After BodyProgress::Invalid.
    [[nodiscard]] BodyError error() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace buzon::bus
