// SPDX-License-Identifier: Apache-2.0
// The 128-bit identity of a server address or of a bus, written as 32 hexadecimal digits.
// Source: D-Bus Specification, "UUIDs": 96 random bits, then 32 bits of time, big-endian.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "bus/base/result.h"

namespace buzon::bus {

enum class GuidError : std::uint8_t { WrongLength, BadDigit };

[[nodiscard]] std::string_view describe(GuidError error);

class Guid {
public:
    static constexpr std::size_t kBytes = 16;
    static constexpr std::size_t kRandomBytes = 12;

    explicit Guid(const std::array<std::byte, kBytes>& bytes) : bytes_(bytes) {}
    /// `seconds` since the UNIX epoch.
    Guid(std::span<const std::byte, kRandomBytes> random, std::uint32_t seconds);
    /// Exactly 32 hexadecimal digits of either case.
    static Result<Guid, GuidError> parse(std::string_view text);

    [[nodiscard]] const std::array<std::byte, kBytes>& bytes() const { return bytes_; }
    /// 32 digits in lower case.
    [[nodiscard]] std::string to_string() const;
    friend bool operator==(const Guid&, const Guid&) = default;

private:
    std::array<std::byte, kBytes> bytes_{};
};

/// A new one, from the kernel's random numbers and the wall clock.
/// Throws std::system_error where the kernel gives no random numbers.
[[nodiscard]] Guid generate_guid();

}  // namespace buzon::bus
