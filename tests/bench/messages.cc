// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/messages.h"

#include <bit>

#include "bus/wire_reader.h"
#include "bus/wire_writer.h"

namespace buzon::bench {
namespace {

using bus::FieldCode;
using bus::MessageType;

constexpr auto kOrder =
    std::endian::native == std::endian::little ? bus::ByteOrder::Little : bus::ByteOrder::Big;
constexpr std::size_t kTypeAt = 1;
constexpr std::size_t kBodyLengthAt = 4;
constexpr std::size_t kSerialAt = 8;
constexpr std::size_t kFieldsLengthAt = 12;
// make_reply() writes REPLY_SERIAL first: code, signature "u" and its value.
constexpr std::size_t kReplySerialAt = bus::kFixedHeaderBytes + 4;

class HeaderWriter {
public:
    HeaderWriter(MessageType type, std::uint8_t flags, std::size_t body_bytes) : out_(kOrder) {
        out_.write_byte(static_cast<std::uint8_t>(kOrder));
        out_.write_byte(static_cast<std::uint8_t>(type));
        out_.write_byte(flags);
        out_.write_byte(bus::kProtocolVersion);
        out_.write_uint32(static_cast<std::uint32_t>(body_bytes));
        out_.write_uint32(0);
        fields_ = out_.begin_array('(');
    }

    void number(FieldCode code, std::uint32_t value) {
        open(code, "u");
        out_.write_uint32(value);
    }
    void text(FieldCode code, std::string_view type, std::string_view value) {
        if (value.empty()) return;
        open(code, type);
        if (type == "g") {
            out_.write_signature(value);
        } else {
            out_.write_string(value);
        }
    }
    Bytes finish(std::span<const std::byte> body) {
        out_.end_array(fields_);
        out_.align(8);
        Bytes message = out_.take();
        message.insert(message.end(), body.begin(), body.end());
        return message;
    }

private:
    void open(FieldCode code, std::string_view type) {
        out_.align_struct();
        out_.write_byte(static_cast<std::uint8_t>(code));
        out_.write_signature(type);
    }

    bus::WireWriter out_;
    bus::WireWriter::ArrayMark fields_{};
};

std::size_t header_bytes(std::span<const std::byte> start) {
    const auto fields = bus::load_unsigned<std::uint32_t>(&start[kFieldsLengthAt], kOrder);
    return bus::align_up(bus::kFixedHeaderBytes + fields, 8);
}

/// A reader that stands before the value of `field`; empty if the message has no such field.
std::optional<bus::WireReader> find_field(std::span<const std::byte> message, FieldCode field) {
    bus::WireReader reader(message, kOrder);
    for (int i = 0; i < 4; ++i)
        (void)reader.read_byte();
    (void)reader.read_uint32();
    (void)reader.read_uint32();
    const auto end = reader.enter_array('(');
    while (end && reader.position() < *end && reader.align(8)) {
        const auto code = reader.read_byte();
        const auto type = reader.read_signature();
        if (!code || !type) return std::nullopt;
        if (*code == static_cast<std::uint8_t>(field)) return reader;
        if (!reader.skip(*type)) return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace

Bytes make_call(const CallText& text) {
    HeaderWriter header(MessageType::MethodCall, 0, text.body.size());
    header.text(FieldCode::Path, "o", text.path);
    header.text(FieldCode::Destination, "s", text.destination);
    header.text(FieldCode::Interface, "s", text.interface);
    header.text(FieldCode::Member, "s", text.member);
    header.text(FieldCode::Signature, "g", text.signature);
    if (text.fds > 0) header.number(FieldCode::UnixFds, text.fds);
    return header.finish(text.body);
}

Bytes make_signal(std::string_view interface, std::string_view member) {
    bus::WireWriter body(kOrder);
    body.write_string("something has changed");
    HeaderWriter header(MessageType::Signal, bus::kFlagNoReplyExpected, body.size());
    header.text(FieldCode::Path, "o", "/org/buzon/Bench");
    header.text(FieldCode::Interface, "s", interface);
    header.text(FieldCode::Member, "s", member);
    header.text(FieldCode::Signature, "g", "s");
    return header.finish(body.bytes());
}

Bytes make_reply(std::string_view destination) {
    HeaderWriter header(MessageType::MethodReturn, bus::kFlagNoReplyExpected, 0);
    header.number(FieldCode::ReplySerial, 0);
    header.text(FieldCode::Destination, "s", destination);
    return header.finish({});
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
    return bus::load_unsigned<std::uint32_t>(&message[kSerialAt], kOrder);
}

std::size_t size_of_message(std::span<const std::byte> start) {
    return header_bytes(start) + bus::load_unsigned<std::uint32_t>(&start[kBodyLengthAt], kOrder);
}

std::optional<std::string_view> header_text(std::span<const std::byte> message, FieldCode field) {
    auto reader = find_field(message, field);
    if (!reader) return std::nullopt;
    return field == FieldCode::Signature ? reader->read_signature() : reader->read_string();
}

std::optional<std::uint32_t> reply_serial_of(std::span<const std::byte> message) {
    auto reader = find_field(message, FieldCode::ReplySerial);
    return reader ? reader->read_uint32() : std::nullopt;
}

std::optional<std::string_view> first_string(std::span<const std::byte> message) {
    return bus::WireReader(message.subspan(header_bytes(message)), kOrder).read_string();
}

}  // namespace buzon::bench
