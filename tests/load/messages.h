// SPDX-License-Identifier: Apache-2.0
// The few messages that the load generator sends, built once; only serials change afterwards.
// Also the little it reads of what comes back. Everything is in this machine's byte order.
// Errors: exceptions, where the bus sends what a bus must not send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bus/header.h"
#include "bus/message_builder.h"
#include "bus/protocol.h"
#include "bus/wire_writer.h"

namespace buzon::load {

using Bytes = std::vector<std::byte>;
using BodyWriter = std::function<void(bus::WireWriter&)>;

/// A message with `fields` and what `write_body` writes.
[[nodiscard]] Bytes make_message(const bus::MessageFields& fields,
                                 const BodyWriter& write_body = {});
/// A call with `fields`, whose type need not be set, and what `write_body` writes.
[[nodiscard]] Bytes make_call(bus::MessageFields fields, const BodyWriter& write_body = {});
/// A call to the bus itself.
[[nodiscard]] Bytes make_driver_call(std::string_view member,
                                     std::string_view signature = {},
                                     const BodyWriter& write_body = {});
/// A signal of `interface` with one string in its body.
[[nodiscard]] Bytes make_signal(std::string_view interface, std::string_view member);
/// An empty method return to `destination`.
[[nodiscard]] Bytes make_reply(std::string_view destination);

void set_serial(std::span<std::byte> message, std::uint32_t serial);
/// Of what make_reply() made.
void set_reply_serial(std::span<std::byte> reply, std::uint32_t serial);

[[nodiscard]] bus::MessageType type_of(std::span<const std::byte> message);
[[nodiscard]] std::uint32_t serial_of(std::span<const std::byte> message);
/// Header and body together. `start` holds at least the fixed 16 bytes of a header.
[[nodiscard]] std::size_t size_of_message(std::span<const std::byte> start);
/// All fields; what the bus sends and is no header becomes an exception.
[[nodiscard]] bus::Header header_of(std::span<const std::byte> message);
/// Name and text of an error reply.
[[nodiscard]] std::string error_text_of(std::span<const std::byte> error);
/// If `message` is an error reply: throws what it says.
void throw_if_error(std::span<const std::byte> message);

}  // namespace buzon::load
