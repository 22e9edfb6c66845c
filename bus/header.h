// SPDX-License-Identifier: Apache-2.0
// The header of a message: cut out of a stream, checked once, and stamped with its sender.
// Invariant: a Header from parse_header() obeys every rule of the specification's "Message
// Format"; its views point into the bytes that it was parsed from.
// Source: D-Bus Specification, "Message Format", "Header Fields".
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "bus/base/result.h"
#include "bus/protocol.h"

namespace buzon::bus {

enum class HeaderError : std::uint8_t {
    ByteOrderUnknown,
    VersionUnknown,
    TypeInvalid,
    SerialZero,
    FieldsTooLong,
    MessageTooLong,
    PaddingNotZero,
    FieldTruncated,
    FieldCodeZero,
    FieldRepeated,
    FieldTypeWrong,
    FieldValueInvalid,
    FieldMissing,
    LocalNamespace,  // path or interface …DBus.Local, which no peer may send
    BodyWithoutSignature,
};

[[nodiscard]] std::string_view describe(HeaderError error);

/// An absent text field is empty, an absent number is 0; no valid field is either, but a signature.
struct Header {
    ByteOrder order = ByteOrder::Little;
    MessageType type = MessageType::MethodCall;
    std::uint8_t flags = 0;
    std::uint32_t serial = 0;
    std::uint32_t body_bytes = 0;
    std::uint32_t fields_bytes = 0;  // without the padding behind them
    std::uint32_t reply_serial = 0;
    std::uint32_t unix_fds = 0;
    std::string_view path;
    std::string_view interface;
    std::string_view member;
    std::string_view error_name;
    std::string_view destination;
    std::string_view sender;
    std::string_view signature;
    /// Holds SENDER, CONTAINER_INSTANCE or an unknown field: stamping has to leave something out.
    bool needs_filtering = false;

    /// Fixed part, fields and padding.
    [[nodiscard]] std::size_t head_bytes() const {
        return (kFixedHeaderBytes + fields_bytes + 7) & ~std::size_t{7};
    }
    [[nodiscard]] std::size_t total_bytes() const { return head_bytes() + body_bytes; }
    [[nodiscard]] bool expects_reply() const {
        return type == MessageType::MethodCall && (flags & kFlagNoReplyExpected) == 0;
    }
    [[nodiscard]] bool is_reply() const {
        return type == MessageType::MethodReturn || type == MessageType::Error;
    }
};

/// Length in bytes of the message that starts with these (at least 16) bytes.
/// Errors: what the first 16 bytes alone rule out, MessageTooLong over `max_bytes`.
Result<std::size_t, HeaderError> message_length(std::span<const std::byte> start,
                                                std::size_t max_bytes);

/// `head`: at least the head of a message whose length message_length() has accepted.
Result<Header, HeaderError> parse_header(std::span<const std::byte> head);

/// How much room stamp_sender() needs.
[[nodiscard]] std::size_t stamped_bytes_at_most(const Header& header, std::string_view sender);

/// Writes to `out` the head with SENDER set to `sender`, without what a peer may not send
/// (a SENDER or CONTAINER_INSTANCE of its own) or need not be understood (unknown fields), and
/// returns its length. The body follows it unchanged. `head` is what `header` was parsed from.
[[nodiscard]] std::size_t stamp_sender(const Header& header,
                                       std::span<const std::byte> head,
                                       std::string_view sender,
                                       std::span<std::byte> out);

}  // namespace buzon::bus
