// SPDX-License-Identifier: Apache-2.0
#include "tests/load/messages.h"

#include <fmt/format.h>

#include <bit>
#include <stdexcept>

#include "bus/message_builder.h"
#include "bus/wire_reader.h"

namespace buzon::load {
namespace {

using bus::MessageType;

constexpr auto kOrder =
    std::endian::native == std::endian::little ? bus::ByteOrder::Little : bus::ByteOrder::Big;
constexpr std::size_t kTypeAt = 1;
constexpr std::size_t kBodyLengthAt = 4;
constexpr std::size_t kSerialAt = 8;
constexpr std::size_t kFieldsLengthAt = 12;
// A method return has no field before REPLY_SERIAL: its code, signature "u", value.
constexpr std::size_t kReplySerialAt = bus::kFixedHeaderBytes + 4;

Bytes joined(const bus::OutgoingMessage& message) {
    Bytes bytes(message.head.begin(), message.head.end());
    bytes.insert(bytes.end(), message.body.begin(), message.body.end());
    return bytes;
}

std::uint32_t number_at(std::span<const std::byte> message, std::size_t offset) {
    return bus::load_unsigned<std::uint32_t>(&message[offset], kOrder);
}

std::size_t head_bytes(std::span<const std::byte> start) {
    return bus::align_up(bus::kFixedHeaderBytes + number_at(start, kFieldsLengthAt), 8);
}

}  // namespace

Bytes make_message(const bus::MessageFields& fields, const BodyWriter& write_body) {
    bus::MessageBuilder builder(kOrder);
    if (write_body) write_body(builder.start_body());
    return joined(builder.build(fields));
}

Bytes make_call(bus::MessageFields fields, const BodyWriter& write_body) {
    fields.type = MessageType::MethodCall;
    return make_message(fields, write_body);
}

Bytes make_driver_call(std::string_view member,
                       std::string_view signature,
                       const BodyWriter& write_body) {
    return make_call({.path = bus::kDriverPath,
                      .interface = bus::kDriverName,
                      .member = member,
                      .destination = bus::kDriverName,
                      .signature = signature},
                     write_body);
}

Bytes make_signal(std::string_view interface, std::string_view member) {
    bus::MessageBuilder builder(kOrder);
    builder.start_body().write_string("something has changed");
    return joined(builder.build({.type = MessageType::Signal,
                                 .flags = bus::kFlagNoReplyExpected,
                                 .path = "/org/buzon/Bench",
                                 .interface = interface,
                                 .member = member,
                                 .signature = "s"}));
}

Bytes make_reply(std::string_view destination) {
    bus::MessageBuilder builder(kOrder);
    return joined(builder.build({.type = MessageType::MethodReturn,
                                 .flags = bus::kFlagNoReplyExpected,
                                 .reply_serial = 1,
                                 .destination = destination}));
}

void set_serial(std::span<std::byte> message, std::uint32_t serial) {
    bus::store_unsigned(&message[kSerialAt], serial, kOrder);
}

void set_reply_serial(std::span<std::byte> reply, std::uint32_t serial) {
    bus::store_unsigned(&reply[kReplySerialAt], serial, kOrder);
}

MessageType type_of(std::span<const std::byte> message) {
    return static_cast<MessageType>(message[kTypeAt]);
}

std::uint32_t serial_of(std::span<const std::byte> message) {
    return number_at(message, kSerialAt);
}

std::size_t size_of_message(std::span<const std::byte> start) {
    return head_bytes(start) + number_at(start, kBodyLengthAt);
}

bus::Header header_of(std::span<const std::byte> message) {
    const auto refuse = [](bus::HeaderError error) {
        throw std::runtime_error(
            fmt::format("the bus sent an invalid header: {}", bus::describe(error)));
    };
    const auto length = bus::message_length(message, bus::kMaxMessageBytes);
    if (!length) refuse(length.error());
    const auto header = bus::parse_header(message);
    if (!header) refuse(header.error());
    return header.value();
}

std::string error_text_of(std::span<const std::byte> error) {
    bus::WireReader body(error.subspan(head_bytes(error)), kOrder);
    return fmt::format("{}: {}", header_of(error).error_name, body.read_string().value_or(""));
}

void throw_if_error(std::span<const std::byte> message) {
    if (type_of(message) != MessageType::Error) return;
    throw std::runtime_error("a call got " + error_text_of(message));
}

}  // namespace buzon::load
