// SPDX-License-Identifier: Apache-2.0
#include "bus/header.h"

#include <sys/mman.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "bus/message_builder.h"

namespace buzon::bus {
namespace {

using Bytes = std::vector<std::byte>;

/// Bytes of a head, with fields that a well-behaved builder would never write.
class HeadWriter {
public:
    explicit HeadWriter(ByteOrder order, MessageType type = MessageType::MethodCall)
        : writer_(order) {
        writer_.write_byte(static_cast<std::uint8_t>(order));
        writer_.write_byte(static_cast<std::uint8_t>(type));
        writer_.write_byte(0);
        writer_.write_byte(1);
        writer_.write_uint32(0);
        writer_.write_uint32(7);
        array_ = writer_.begin_array('(');
    }
    HeadWriter& text(unsigned code, std::string_view type, std::string_view value) {
        start(code, type);
        type == "g" ? writer_.write_signature(value) : writer_.write_string(value);
        return *this;
    }
    HeadWriter& number(unsigned code, std::uint32_t value) {
        start(code, "u");
        writer_.write_uint32(value);
        return *this;
    }
    HeadWriter& unknown(unsigned code) {
        start(code, "a{sv}");
        const auto array = writer_.begin_array('{');
        writer_.align_struct();
        writer_.write_string("key");
        writer_.write_signature("t");
        writer_.write_uint64(1);
        writer_.end_array(array);
        return *this;
    }
    HeadWriter& call() { return text(1, "o", "/a").text(3, "s", "M"); }
    [[nodiscard]] Bytes finish() {
        writer_.end_array(array_);
        writer_.align(8);
        return writer_.take();
    }

private:
    void start(unsigned code, std::string_view type) {
        writer_.align_struct();
        writer_.write_byte(static_cast<std::uint8_t>(code));
        writer_.write_signature(type);
    }
    WireWriter writer_;
    WireWriter::ArrayMark array_{};
};

std::optional<HeaderError> error_of(const Bytes& bytes) {
    const auto length = message_length(bytes, kMaxMessageBytes);
    if (!length) return length.error();
    const auto header = parse_header(bytes);
    return header ? std::nullopt : std::optional{header.error()};
}

Bytes stamp(const Header& header, const Bytes& head, std::string_view sender) {
    Bytes out(stamped_bytes_at_most(header, sender), std::byte{0xee});
    out.resize(stamp_sender(header, head, sender, out));
    return out;
}

constexpr ByteOrder kBothOrders[] = {ByteOrder::Little, ByteOrder::Big};

TEST(ParseHeader, ReadsEveryFieldInBothByteOrders) {
    for (const ByteOrder order : kBothOrders) {
        MessageBuilder builder(order);
        builder.start_body().write_uint32(5);
        const auto message = builder.build({.type = MessageType::Error,
                                            .flags = 3,
                                            .serial = 77,
                                            .reply_serial = 12,
                                            .unix_fds = 2,
                                            .path = "/a/b",
                                            .interface = "a.b",
                                            .member = "M",
                                            .error_name = "a.b.E",
                                            .destination = ":1.5",
                                            .sender = "org.example.X",
                                            .signature = "u"});
        const auto header = parse_header(message.head);
        ASSERT_TRUE(header);
        EXPECT_EQ(header->order, order);
        EXPECT_EQ(header->type, MessageType::Error);
        EXPECT_EQ(header->flags, 3);
        EXPECT_EQ(header->serial, 77U);
        EXPECT_EQ(header->reply_serial, 12U);
        EXPECT_EQ(header->unix_fds, 2U);
        EXPECT_EQ(header->path, "/a/b");
        EXPECT_EQ(header->interface, "a.b");
        EXPECT_EQ(header->member, "M");
        EXPECT_EQ(header->error_name, "a.b.E");
        EXPECT_EQ(header->destination, ":1.5");
        EXPECT_EQ(header->sender, "org.example.X");
        EXPECT_EQ(header->signature, "u");
        EXPECT_EQ(header->body_bytes, 4U);
        EXPECT_EQ(header->head_bytes(), message.head.size());
        EXPECT_TRUE(header->needs_filtering) << "it has a SENDER of its own";
    }
}

TEST(MessageLength, CountsHeadPaddingAndBody) {
    for (const ByteOrder order : kBothOrders) {
        MessageBuilder builder(order);
        builder.start_body().write_string("hello");
        const auto message =
            builder.build({.path = "/", .interface = "a.b", .member = "M", .signature = "s"});
        const auto length = message_length(message.head, kMaxMessageBytes);
        ASSERT_TRUE(length);
        EXPECT_EQ(*length, message.size());
        EXPECT_EQ(message_length(message.head, *length - 1).error(), HeaderError::MessageTooLong);
    }
}

TEST(MessageLength, NamesWhatTheFirstSixteenBytesRuleOut) {
    const struct {
        std::string_view about;
        std::size_t at;
        std::byte value;
        HeaderError error;
    } cases[] = {
        {"byte order mark", 0, std::byte{'x'}, HeaderError::ByteOrderUnknown},
        {"type 0", 1, std::byte{0}, HeaderError::TypeInvalid},
        {"version 2", 3, std::byte{2}, HeaderError::VersionUnknown},
        {"body of 2^28 bytes and more", 7, std::byte{0x10}, HeaderError::MessageTooLong},
        {"serial 0", 8, std::byte{0}, HeaderError::SerialZero},
        {"fields of 2^28 bytes", 15, std::byte{0x10}, HeaderError::FieldsTooLong},
        {"fields of 2^20 bytes and some", 14, std::byte{0x10}, HeaderError::FieldsTooLong},
    };
    for (const auto& [about, at, value, error] : cases) {
        Bytes bytes = HeadWriter(ByteOrder::Little).call().finish();
        bytes[at] = value;
        EXPECT_EQ(error_of(bytes), error) << about;
    }
}

TEST(ParseHeader, NamesTheFirstViolation) {
    const auto type = [](MessageType value) {
        return [value](ByteOrder order) { return HeadWriter(order, value); };
    };
    const auto call = type(MessageType::MethodCall);
    const auto signal = type(MessageType::Signal);
    const auto reply = type(MessageType::MethodReturn);
    const auto error = type(MessageType::Error);
    using Make = std::function<Bytes(ByteOrder)>;
    const struct {
        std::string_view about;
        Make make;
        std::optional<HeaderError> expected;
    } cases[] = {
        {"a call", [&](auto o) { return call(o).call().finish(); }, std::nullopt},
        {"call without path", [&](auto o) { return call(o).text(3, "s", "M").finish(); },
         HeaderError::FieldMissing},
        {"call without member", [&](auto o) { return call(o).text(1, "o", "/").finish(); },
         HeaderError::FieldMissing},
        {"signal without interface", [&](auto o) { return signal(o).call().finish(); },
         HeaderError::FieldMissing},
        {"signal", [&](auto o) { return signal(o).call().text(2, "s", "a.b").finish(); },
         std::nullopt},
        {"return without reply serial", [&](auto o) { return reply(o).finish(); },
         HeaderError::FieldMissing},
        {"return", [&](auto o) { return reply(o).number(5, 1).finish(); }, std::nullopt},
        {"error without name", [&](auto o) { return error(o).number(5, 1).finish(); },
         HeaderError::FieldMissing},
        {"a type of the future needs nothing",
         [&](auto o) { return type(static_cast<MessageType>(5))(o).finish(); }, std::nullopt},
        {"field code 0", [&](auto o) { return call(o).call().text(0, "s", "x").finish(); },
         HeaderError::FieldCodeZero},
        {"field twice", [&](auto o) { return call(o).call().text(3, "s", "M").finish(); },
         HeaderError::FieldRepeated},
        {"wrong type", [&](auto o) { return call(o).call().text(2, "o", "/a").finish(); },
         HeaderError::FieldTypeWrong},
        {"two types", [&](auto o) { return call(o).call().text(20, "ss", "a").finish(); },
         HeaderError::FieldTypeWrong},
        {"bad path", [&](auto o) { return call(o).text(1, "o", "/a/").finish(); },
         HeaderError::FieldValueInvalid},
        {"bad member", [&](auto o) { return call(o).text(3, "s", "Hel.o").finish(); },
         HeaderError::FieldValueInvalid},
        {"bad interface", [&](auto o) { return call(o).text(2, "s", "a").finish(); },
         HeaderError::FieldValueInvalid},
        {"bad destination", [&](auto o) { return call(o).text(6, "s", "a").finish(); },
         HeaderError::FieldValueInvalid},
        {"bad sender", [&](auto o) { return call(o).text(7, "s", "").finish(); },
         HeaderError::FieldValueInvalid},
        {"bad signature", [&](auto o) { return call(o).text(8, "g", "a").finish(); },
         HeaderError::FieldValueInvalid},
        {"reply serial 0", [&](auto o) { return call(o).number(5, 0).finish(); },
         HeaderError::FieldValueInvalid},
        {"more descriptors than can be",
         [&](auto o) { return call(o).number(9, (1U << 25) + 1).finish(); },
         HeaderError::FieldValueInvalid},
        {"container instance is a path",
         [&](auto o) { return call(o).call().text(10, "s", "/a").finish(); },
         HeaderError::FieldTypeWrong},
        {"unknown field", [&](auto o) { return call(o).call().unknown(200).finish(); },
         std::nullopt},
        {"unknown field with a bad value",
         [&](auto o) { return call(o).call().text(200, "s", "\xff").finish(); },
         HeaderError::FieldValueInvalid},
        {"local path",
         [&](auto o) {
             return call(o).text(1, "o", "/org/freedesktop/DBus/Local").text(3, "s", "M").finish();
         },
         HeaderError::LocalNamespace},
        {"local interface",
         [&](auto o) { return call(o).call().text(2, "s", "org.freedesktop.DBus.Local").finish(); },
         HeaderError::LocalNamespace},
    };
    for (const auto& [about, make, expected] : cases)
        for (const ByteOrder order : kBothOrders)
            EXPECT_EQ(error_of(make(order)), expected)
                << about << ", byte order " << static_cast<char>(order);
}

TEST(ParseHeader, WantsZeroPadding) {
    Bytes bytes = HeadWriter(ByteOrder::Little).call().finish();
    Bytes between = bytes;
    between[16 + 11] = std::byte{1};  // behind "/a\0" of the first field
    EXPECT_EQ(error_of(between), HeaderError::PaddingNotZero);
    Bytes at_end = bytes;
    at_end.back() = std::byte{1};
    EXPECT_EQ(error_of(at_end), HeaderError::PaddingNotZero);
}

TEST(ParseHeader, WantsASignatureForABody) {
    Bytes bytes = HeadWriter(ByteOrder::Little).call().finish();
    bytes[4] = std::byte{1};
    EXPECT_EQ(error_of(bytes), HeaderError::BodyWithoutSignature);
}

/// Two pages, the second of which can't be read.
class GuardedPage {
public:
    GuardedPage() {
        const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        void* const memory =
            ::mmap(nullptr, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) std::abort();
        page_ = {static_cast<std::byte*>(memory), size};
        ::mprotect(page_.data() + size, size, PROT_NONE);
    }
    GuardedPage(const GuardedPage&) = delete;
    GuardedPage& operator=(const GuardedPage&) = delete;
    GuardedPage(GuardedPage&&) = delete;
    GuardedPage& operator=(GuardedPage&&) = delete;
    ~GuardedPage() { ::munmap(page_.data(), 2 * page_.size()); }

    /// A copy of `bytes` that ends with the page.
    std::span<const std::byte> copy(const Bytes& bytes) {
        const auto end = page_.last(bytes.size());
        std::copy(bytes.begin(), bytes.end(), end.begin());
        return end;
    }

private:
    std::span<std::byte> page_;
};

TEST(ParseHeader, NeverReadsBehindTheFields) {
    GuardedPage page;
    const Bytes whole = HeadWriter(ByteOrder::Little).call().unknown(99).text(8, "g", "s").finish();
    int refused = 0;
    for (std::size_t fields = 0; fields + 16 <= whole.size(); ++fields) {
        const std::size_t padded = (16 + fields + 7) / 8 * 8;
        Bytes cut(whole.begin(),
                  whole.begin() + static_cast<std::ptrdiff_t>(std::min(padded, whole.size())));
        cut.resize(padded);
        store_unsigned(&cut[12], static_cast<std::uint32_t>(fields), ByteOrder::Little);
        refused += parse_header(page.copy(cut)) ? 0 : 1;
    }
    EXPECT_GT(refused, 0) << "a read behind the page would have ended this process";
}

TEST(StampSender, AddsTheSenderInTheMessagesOwnByteOrder) {
    for (const ByteOrder order : kBothOrders) {
        const Bytes head = HeadWriter(order).call().text(6, "s", ":1.101").finish();
        const auto header = parse_header(head);
        ASSERT_TRUE(header);
        EXPECT_FALSE(header->needs_filtering);
        const Bytes stamped = stamp(*header, head, ":1.102");
        const auto again = parse_header(stamped);
        ASSERT_TRUE(again);
        EXPECT_EQ(again->head_bytes(), stamped.size());
        EXPECT_EQ(again->order, order);
        EXPECT_EQ(again->serial, 7U);
        EXPECT_EQ(again->path, "/a");
        EXPECT_EQ(again->member, "M");
        EXPECT_EQ(again->destination, ":1.101");
        EXPECT_EQ(again->sender, ":1.102");
    }
}

TEST(StampSender, LeavesOutForgedSendersAndUnknownFields) {
    for (const ByteOrder order : kBothOrders) {
        const Bytes head = HeadWriter(order)
                               .unknown(200)
                               .text(7, "s", ":1.666")
                               .text(1, "o", "/a")
                               .unknown(11)
                               .text(10, "o", "/forged")
                               .text(3, "s", "M")
                               .unknown(255)
                               .finish();
        const auto header = parse_header(head);
        ASSERT_TRUE(header);
        EXPECT_TRUE(header->needs_filtering);
        const Bytes stamped = stamp(*header, head, ":1.2");
        const auto again = parse_header(stamped);
        ASSERT_TRUE(again);
        EXPECT_EQ(again->sender, ":1.2");
        EXPECT_EQ(again->path, "/a");
        EXPECT_EQ(again->member, "M");
        const Bytes expected =
            HeadWriter(order).text(1, "o", "/a").text(3, "s", "M").text(7, "s", ":1.2").finish();
        EXPECT_EQ(stamped, expected);
    }
}

}  // namespace
}  // namespace buzon::bus
