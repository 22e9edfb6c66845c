// SPDX-License-Identifier: Apache-2.0
// The few messages that the load generator sends, built once; only serials change afterwards.
// Also the little it reads of what comes back. Everything is in this machine's byte order.
// Errors: none; only what our own buses send is read here, and a short message reads as absent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "bus/protocol.h"

namespace buzon::bench {

using Bytes = std::vector<std::byte>;

struct CallText {
    std::string_view destination;
    std::string_view path;
    std::string_view interface;
    std::string_view member;
    std::string_view signature = {};
    std::span<const std::byte> body = {};
    std::uint32_t fds = 0;
};

/// Serial 0 until set_serial().
[[nodiscard]] Bytes make_call(const CallText& text);
/// A signal of `interface` with one string in its body.
[[nodiscard]] Bytes make_signal(std::string_view interface, std::string_view member);
/// An empty method return to `destination`, whose reply serial set_reply_serial() can change.
[[nodiscard]] Bytes make_reply(std::string_view destination);

void set_serial(std::span<std::byte> message, std::uint32_t serial);
void set_reply_serial(std::span<std::byte> reply, std::uint32_t serial);

[[nodiscard]] bus::MessageType type_of(std::span<const std::byte> message);
[[nodiscard]] std::uint32_t serial_of(std::span<const std::byte> message);
/// Header and body together. `start` holds at least the fixed 16 bytes of a header.
[[nodiscard]] std::size_t size_of_message(std::span<const std::byte> start);
/// The value of a header field that is a string, a path or a signature.
[[nodiscard]] std::optional<std::string_view> header_text(std::span<const std::byte> message,
                                                          bus::FieldCode field);
[[nodiscard]] std::optional<std::uint32_t> reply_serial_of(std::span<const std::byte> message);
/// The string that a body starts with.
[[nodiscard]] std::optional<std::string_view> first_string(std::span<const std::byte> message);

}  // namespace buzon::bench
