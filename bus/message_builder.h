// SPDX-License-Identifier: Apache-2.0
// Messages of our own: calls, returns, errors and signals, field by field, then the body.
// The buffers are kept between messages, so a builder that is used again does not allocate.
// The caller gives valid names and writes what his signature announces.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "bus/header.h"
#include "bus/message.h"
#include "bus/wire_writer.h"

namespace buzon::bus {

/// Texts must live until build(); empty ones are left out.
struct MessageFields {
    MessageType type = MessageType::Signal;
    std::uint8_t flags = 0;
    std::uint32_t serial = 1;
    std::uint32_t reply_serial = 0;
    std::uint32_t unix_fds = 0;
    std::string_view path{};
    std::string_view interface {};
    std::string_view member{};
    std::string_view error_name{};
    std::string_view destination{};
    std::string_view sender{};
    std::string_view signature{};
};

class MessageBuilder {
public:
    explicit MessageBuilder(ByteOrder order = ByteOrder::Little) : head_(order), body_(order) {}

    /// Empties the body and returns the writer for the next one.
    WireWriter& start_body() {
        body_.clear();
        return body_;
    }
    /// Writes the head for the body that stands in the writer. The result is valid until the next
    /// start_body() or build().
    [[nodiscard]] OutgoingMessage build(const MessageFields& fields) {
        return build_around(body_.bytes(), nullptr, fields);
    }
    /// The same for a body that stands elsewhere, in `owner`, in the same byte order.
    [[nodiscard]] OutgoingMessage build_around(std::span<const std::byte> body,
                                               Ref<const Block> owner,
                                               const MessageFields& fields);

private:
    void write_text(FieldCode code, std::string_view type, std::string_view text);
    void write_number(FieldCode code, std::uint32_t value);

    WireWriter head_;
    WireWriter body_;
    Header header_;
};

}  // namespace buzon::bus
