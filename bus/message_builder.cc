// SPDX-License-Identifier: Apache-2.0
#include "bus/message_builder.h"

#include <cassert>
#include <utility>

namespace buzon::bus {

namespace {

Header header_of(const MessageFields& fields, ByteOrder order) {
    Header header;
    header.order = order;
    header.type = fields.type;
    header.flags = fields.flags;
    header.serial = fields.serial;
    header.reply_serial = fields.reply_serial;
    header.unix_fds = fields.unix_fds;
    header.path = fields.path;
    header.interface = fields.interface;
    header.member = fields.member;
    header.error_name = fields.error_name;
    header.destination = fields.destination;
    header.sender = fields.sender;
    header.signature = fields.signature;
    return header;
}

}  // namespace

void MessageBuilder::write_text(FieldCode code, std::string_view type, std::string_view text) {
    if (text.empty()) return;
    head_.align_struct();
    head_.write_byte(static_cast<std::uint8_t>(code));
    head_.write_signature(type);
    if (code == FieldCode::Signature) {
        head_.write_signature(text);
    } else {
        head_.write_string(text);
    }
}

void MessageBuilder::write_number(FieldCode code, std::uint32_t value) {
    if (value == 0) return;
    head_.align_struct();
    head_.write_byte(static_cast<std::uint8_t>(code));
    head_.write_signature("u");
    head_.write_uint32(value);
}

OutgoingMessage MessageBuilder::build_around(std::span<const std::byte> body,
                                             Ref<const Block> owner,
                                             const MessageFields& fields) {
    assert(fields.serial != 0);
    assert(body.empty() || !fields.signature.empty());
    header_ = header_of(fields, head_.order());
    header_.body_bytes = static_cast<std::uint32_t>(body.size());

    head_.clear();
    head_.write_byte(static_cast<std::uint8_t>(head_.order()));
    head_.write_byte(static_cast<std::uint8_t>(fields.type));
    head_.write_byte(fields.flags);
    head_.write_byte(kProtocolVersion);
    head_.write_uint32(header_.body_bytes);
    head_.write_uint32(fields.serial);
    const auto array = head_.begin_array('(');
    write_text(FieldCode::Path, "o", fields.path);
    write_text(FieldCode::Interface, "s", fields.interface);
    write_text(FieldCode::Member, "s", fields.member);
    write_text(FieldCode::ErrorName, "s", fields.error_name);
    write_number(FieldCode::ReplySerial, fields.reply_serial);
    write_text(FieldCode::Destination, "s", fields.destination);
    write_text(FieldCode::Sender, "s", fields.sender);
    write_text(FieldCode::Signature, "g", fields.signature);
    write_number(FieldCode::UnixFds, fields.unix_fds);
    head_.end_array(array);
    header_.fields_bytes = static_cast<std::uint32_t>(head_.size() - kFixedHeaderBytes);
    head_.align(8);
    return {header_, head_.bytes(), body, std::move(owner), nullptr};
}

}  // namespace buzon::bus
