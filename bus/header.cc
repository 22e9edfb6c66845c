// SPDX-License-Identifier: Apache-2.0
#include "bus/header.h"

#include <array>
#include <bit>
#include <cassert>
#include <cstring>
#include <optional>

#include "bus/body_check.h"
#include "bus/names.h"
#include "bus/signature.h"
#include "bus/wire_reader.h"

namespace buzon::bus {

namespace {

constexpr std::uint32_t bit(FieldCode code) {
    return 1U << static_cast<unsigned>(code);
}

constexpr std::uint32_t kFiltered = bit(FieldCode::Sender) | bit(FieldCode::ContainerInstance);

constexpr std::array<unsigned char, 11> kFieldTypes = {0,   'o', 's', 's', 's', 'u',
                                                       's', 's', 'g', 'u', 'o'};

/// Code, length of the type (1), type and NUL of every known field, as one word of memory.
constexpr std::array<std::uint32_t, kFieldTypes.size()> kFieldStarts = [] {
    std::array<std::uint32_t, kFieldTypes.size()> starts{};
    for (std::uint32_t code = 1; code < starts.size(); ++code) {
        const std::uint32_t type = kFieldTypes[code];
        starts[code] = std::endian::native == std::endian::little
                           ? code | 1U << 8 | type << 16
                           : code << 24 | 1U << 16 | type << 8;
    }
    starts[0] = 0xffffffff;
    return starts;
}();

/// The fields array, element by element. Offsets are from the start of the message.
class FieldWalker {
public:
    FieldWalker(std::span<const std::byte> head, std::uint32_t fields_bytes, ByteOrder order)
        : head_(head), end_(kFixedHeaderBytes + fields_bytes), order_(order) {}

    [[nodiscard]] bool at_end() const { return position_ >= end_; }
    [[nodiscard]] std::size_t field_start() const { return field_start_; }
    [[nodiscard]] std::size_t position() const { return position_; }
    [[nodiscard]] std::uint8_t code() const { return code_; }
    [[nodiscard]] bool has_expected_type() const {
        return type_.size() == 1 && type_.front() == static_cast<char>(kFieldTypes[code_]);
    }

    /// True for a field of a known code and its type, in the shape that every library writes: the
    /// first word says it all. Stands before the value then, else where it stood.
    bool enter_known_field() {
        if (!skip_padding_to_word()) return false;
        std::uint32_t start = 0;
        std::memcpy(&start, &head_[position_], sizeof start);  // the head ends at a multiple of 8
        const std::uint8_t code = byte_at(position_);
        if (code >= kFieldStarts.size() || start != kFieldStarts[code]) return false;
        field_start_ = position_;
        code_ = code;
        position_ += 4;
        return true;
    }
    /// Reads padding, code and type; stands before the value.
    std::optional<HeaderError> enter_field() {
        if (!skip_padding(8)) return HeaderError::PaddingNotZero;
        field_start_ = position_;
        if (end_ - position_ < 2) return HeaderError::FieldTruncated;
        code_ = byte_at(position_);
        ++position_;
        return read_type();
    }
    std::optional<std::string_view> read_text() {
        if (!skip_padding(4) || end_ - position_ < 5) return std::nullopt;
        const auto length = load_unsigned<std::uint32_t>(&head_[position_], order_);
        if (length > end_ - position_ - 5) return std::nullopt;
        const std::string_view text = text_at(position_ + 4, length);
        position_ += 4 + std::size_t{length};
        if (byte_at(position_) != 0) return std::nullopt;
        ++position_;
        return text;
    }
    std::optional<std::string_view> read_signature() {
        if (end_ - position_ < 2) return std::nullopt;
        const std::size_t length = byte_at(position_);
        if (length > end_ - position_ - 2) return std::nullopt;
        const std::string_view text = text_at(position_ + 1, length);
        position_ += 1 + length;
        if (byte_at(position_) != 0) return std::nullopt;
        ++position_;
        return text;
    }
    std::optional<std::uint32_t> read_uint32() {
        if (!skip_padding(4) || end_ - position_ < 4) return std::nullopt;
        const auto value = load_unsigned<std::uint32_t>(&head_[position_], order_);
        position_ += 4;
        return value;
    }
    /// Any value of the type that the field announces, known to be valid.
    bool skip_value();
    /// For a field that nobody here understands: valid all the same, to the last byte.
    bool check_value();

private:
    [[nodiscard]] std::uint8_t byte_at(std::size_t offset) const {
        return std::to_integer<std::uint8_t>(head_[offset]);
    }
    [[nodiscard]] std::string_view text_at(std::size_t offset, std::size_t length) const {
        return {reinterpret_cast<const char*>(head_.data()) + offset, length};
    }
    /// The bytes up to the next multiple of 8 are zero, and a field may begin there.
    bool skip_padding_to_word() {
        const std::size_t aligned = align_up(position_, 8);
        if (aligned + 4 > end_) return false;
        if (aligned != position_) {
            const auto last = load_unsigned<std::uint64_t>(&head_[aligned - 8], ByteOrder::Little);
            if (last >> (8 * (position_ % 8)) != 0) return false;
        }
        position_ = aligned;
        return true;
    }
    bool skip_padding(std::size_t alignment) {
        const std::size_t aligned = align_up(position_, alignment);
        if (aligned > end_) return false;
        for (; position_ < aligned; ++position_)
            if (byte_at(position_) != 0) return false;
        return true;
    }
    std::optional<HeaderError> read_type() {
        const auto text = read_signature();
        if (!text) return HeaderError::FieldTruncated;
        type_ = *text;
        if (type_.size() == 1 && is_basic_type(type_.front())) return std::nullopt;
        if (!check_single_type(type_)) return HeaderError::FieldTypeWrong;
        return std::nullopt;
    }

    std::span<const std::byte> head_;
    std::size_t position_ = kFixedHeaderBytes;
    std::size_t end_;
    std::size_t field_start_ = kFixedHeaderBytes;
    ByteOrder order_;
    std::uint8_t code_ = 0;
    std::string_view type_;
};

/// Puts one known field into the header. Returns false for a value that breaks its syntax.
bool store_text(Header& header, FieldCode code, std::string_view text) {
    switch (code) {
        case FieldCode::Path: header.path = text; return is_object_path(text);
        case FieldCode::Interface: header.interface = text; return is_interface_name(text);
        case FieldCode::Member: header.member = text; return is_member_name(text);
        case FieldCode::ErrorName: header.error_name = text; return is_error_name(text);
        case FieldCode::Destination: header.destination = text; return is_bus_name(text);
        case FieldCode::Sender: header.sender = text; return is_bus_name(text);
        case FieldCode::ContainerInstance: return is_object_path(text);
        case FieldCode::Signature:
        case FieldCode::ReplySerial:
        case FieldCode::UnixFds: break;
    }
    return false;
}

std::optional<HeaderError> store_signature(Header& header, FieldWalker& fields) {
    const auto text = fields.read_signature();
    if (!text) return HeaderError::FieldTruncated;
    header.signature = *text;
    if (!check_signature(*text)) return HeaderError::FieldValueInvalid;
    return std::nullopt;
}

std::optional<HeaderError> store_number(Header& header, FieldCode code, FieldWalker& fields) {
    const auto value = fields.read_uint32();
    if (!value) return HeaderError::FieldTruncated;
    if (code == FieldCode::ReplySerial) {
        header.reply_serial = *value;
        return *value == 0 ? std::optional{HeaderError::FieldValueInvalid} : std::nullopt;
    }
    header.unix_fds = *value;
    return *value > kMaxMessageBytes / 4 ? std::optional{HeaderError::FieldValueInvalid}
                                         : std::nullopt;
}

std::optional<HeaderError> store_field(Header& header, FieldWalker& fields) {
    const auto code = static_cast<FieldCode>(fields.code());
    const auto expected = static_cast<char>(kFieldTypes[fields.code()]);
    if (expected == 'g') return store_signature(header, fields);
    if (expected == 'u') return store_number(header, code, fields);
    const auto text = fields.read_text();
    if (!text) return HeaderError::FieldTruncated;
    if (!store_text(header, code, *text)) return HeaderError::FieldValueInvalid;
    return std::nullopt;
}

std::uint32_t required_fields(MessageType type) {
    switch (type) {
        case MessageType::MethodCall: return bit(FieldCode::Path) | bit(FieldCode::Member);
        case MessageType::MethodReturn: return bit(FieldCode::ReplySerial);
        case MessageType::Error: return bit(FieldCode::ErrorName) | bit(FieldCode::ReplySerial);
        case MessageType::Signal:
            return bit(FieldCode::Path) | bit(FieldCode::Interface) | bit(FieldCode::Member);
    }
    return 0;  // a type of the future has no requirements
}

std::optional<HeaderError> check_whole(const Header& header, std::uint32_t seen) {
    const std::uint32_t required = required_fields(header.type);
    if ((seen & required) != required) return HeaderError::FieldMissing;
    if (header.path == kLocalPath || header.interface == kLocalInterface)
        return HeaderError::LocalNamespace;
    if (header.body_bytes > 0 && header.signature.empty()) return HeaderError::BodyWithoutSignature;
    return std::nullopt;
}

std::optional<HeaderError> check_end_padding(std::span<const std::byte> head,
                                             const Header& header) {
    for (std::size_t i = kFixedHeaderBytes + header.fields_bytes; i < header.head_bytes(); ++i)
        if (head[i] != std::byte{0}) return HeaderError::PaddingNotZero;
    return std::nullopt;
}

Header parse_fixed(std::span<const std::byte> head) {
    Header header;
    header.order = static_cast<ByteOrder>(head[0]);
    header.type = static_cast<MessageType>(head[1]);
    header.flags = std::to_integer<std::uint8_t>(head[2]);
    header.body_bytes = load_unsigned<std::uint32_t>(&head[4], header.order);
    header.serial = load_unsigned<std::uint32_t>(&head[8], header.order);
    header.fields_bytes = load_unsigned<std::uint32_t>(&head[12], header.order);
    return header;
}

/// Visits the fields of a head that parse_header() has accepted.
template <typename Visitor>
void for_each_field(const Header& header, std::span<const std::byte> head, Visitor&& visit) {
    FieldWalker fields(head, header.fields_bytes, header.order);
    while (!fields.at_end()) {
        if (fields.enter_field() || !fields.skip_value()) return;
        visit(fields.code(),
              head.subspan(fields.field_start(), fields.position() - fields.field_start()));
    }
}

bool is_relayed(std::uint8_t code) {
    return code < kFieldTypes.size() && (1U << code & kFiltered) == 0;
}

/// A field that a later version has defined: readable, and not passed on.
std::optional<HeaderError> skip_unknown_field(Header& header, FieldWalker& fields) {
    header.needs_filtering = true;
    if (!fields.skip_value()) return HeaderError::FieldTruncated;
    if (!fields.check_value()) return HeaderError::FieldValueInvalid;
    return std::nullopt;
}

}  // namespace

bool FieldWalker::skip_value() {
    // A field starts at a multiple of 8, so the reader aligns as the walker does.
    WireReader reader(head_.subspan(field_start_, end_ - field_start_), order_);
    if (!reader.read_byte() || !reader.read_signature() || !reader.skip(type_)) return false;
    position_ = field_start_ + reader.position();
    return true;
}

bool FieldWalker::check_value() {
    const auto field = head_.subspan(field_start_, position_ - field_start_);
    return check_body("yv", field, order_).has_value();
}

std::string_view describe(HeaderError error) {
    switch (error) {
        case HeaderError::ByteOrderUnknown: return "byte order mark is neither 'l' nor 'B'";
        case HeaderError::VersionUnknown: return "protocol version is not 1";
        case HeaderError::TypeInvalid: return "message type is 0";
        case HeaderError::SerialZero: return "serial is 0";
        case HeaderError::FieldsTooLong: return "header fields are longer than 1 MiB";
        case HeaderError::MessageTooLong: return "message is longer than max_message_size";
        case HeaderError::PaddingNotZero: return "padding in the header is not zero";
        case HeaderError::FieldTruncated: return "header field runs past the end of the header";
        case HeaderError::FieldCodeZero: return "header field with code 0";
        case HeaderError::FieldRepeated: return "header field occurs twice";
        case HeaderError::FieldTypeWrong: return "header field has the wrong type";
        case HeaderError::FieldValueInvalid: return "header field has an invalid value";
        case HeaderError::FieldMissing: return "required header field is missing";
        case HeaderError::LocalNamespace: return "path or interface is reserved for local use";
        case HeaderError::BodyWithoutSignature: return "body without a signature";
    }
    return "invalid header";
}

Result<std::size_t, HeaderError> message_length(std::span<const std::byte> start,
                                                std::size_t max_bytes) {
    if (start[0] != std::byte{'l'} && start[0] != std::byte{'B'})
        return Unexpected{HeaderError::ByteOrderUnknown};
    if (start[1] == std::byte{0}) return Unexpected{HeaderError::TypeInvalid};
    if (start[3] != std::byte{kProtocolVersion}) return Unexpected{HeaderError::VersionUnknown};
    const Header header = parse_fixed(start);
    if (header.serial == 0) return Unexpected{HeaderError::SerialZero};
    if (header.fields_bytes > kMaxFieldsBytes) return Unexpected{HeaderError::FieldsTooLong};
    if (header.total_bytes() > max_bytes || header.total_bytes() > kMaxMessageBytes)
        return Unexpected{HeaderError::MessageTooLong};
    return header.total_bytes();
}

Result<Header, HeaderError> parse_header(std::span<const std::byte> head) {
    Header header = parse_fixed(head);
    std::uint32_t seen = 0;
    FieldWalker fields(head, header.fields_bytes, header.order);
    while (!fields.at_end()) {
        const bool is_known = fields.enter_known_field();
        if (!is_known)
            if (const auto error = fields.enter_field()) return Unexpected{*error};
        if (fields.code() == 0) return Unexpected{HeaderError::FieldCodeZero};
        if (fields.code() >= kFieldTypes.size()) {
            if (const auto error = skip_unknown_field(header, fields)) return Unexpected{*error};
            continue;
        }
        const std::uint32_t mark = 1U << fields.code();
        if (seen & mark) return Unexpected{HeaderError::FieldRepeated};
        seen |= mark;
        if (!is_known && !fields.has_expected_type())
            return Unexpected{HeaderError::FieldTypeWrong};
        if (const auto error = store_field(header, fields)) return Unexpected{*error};
    }
    if (seen & kFiltered) header.needs_filtering = true;
    if (const auto error = check_end_padding(head, header)) return Unexpected{*error};
    if (const auto error = check_whole(header, seen)) return Unexpected{*error};
    return header;
}

std::size_t stamped_bytes_at_most(const Header& header, std::string_view sender) {
    return header.head_bytes() + align_up(8 + sender.size() + 1, 8);
}

std::size_t stamp_sender(const Header& header,
                         std::span<const std::byte> head,
                         std::string_view sender,
                         std::span<std::byte> out) {
    assert(out.size() >= stamped_bytes_at_most(header, sender));
    std::size_t end = 0;
    const auto append = [&](std::span<const std::byte> bytes) {
        const std::size_t aligned = align_up(end, 8);
        std::memset(&out[end], 0, aligned - end);
        std::memcpy(&out[aligned], bytes.data(), bytes.size());
        end = aligned + bytes.size();
    };
    if (header.needs_filtering) {
        append(head.first(kFixedHeaderBytes));
        for_each_field(header, head, [&](std::uint8_t code, std::span<const std::byte> field) {
            if (is_relayed(code)) append(field);
        });
    } else {
        append(head.first(kFixedHeaderBytes + header.fields_bytes));
    }
    std::array<std::byte, 8> start{static_cast<std::byte>(FieldCode::Sender), std::byte{1},
                                   std::byte{'s'}};
    store_unsigned(&start[4], static_cast<std::uint32_t>(sender.size()), header.order);
    append(start);
    append(std::as_bytes(std::span(sender)));
    const std::size_t fields_end = end + 1;  // the NUL is the first byte of the padding
    const std::size_t size = align_up(fields_end, 8);
    std::memset(&out[end], 0, size - end);
    store_unsigned(&out[12], static_cast<std::uint32_t>(fields_end - kFixedHeaderBytes),
                   header.order);
    return size;
}

}  // namespace buzon::bus
