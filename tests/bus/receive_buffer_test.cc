// SPDX-License-Identifier: Apache-2.0
#include "bus/receive_buffer.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <list>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "bus/message_builder.h"
#include "bus/send_buffer.h"
#include "bus/wire_reader.h"

namespace buzon::bus {
namespace {

using Bytes = std::vector<std::byte>;

/// Both ends of a stream: raw bytes in, messages out.
class Stream : public testing::Test {
protected:
    Stream() {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) < 0)
            std::abort();
        ours_.reset(ends[0]);
        theirs_.reset(ends[1]);
        const int room = 4 << 20;
        ::setsockopt(theirs_.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
        buffer_.allow_descriptors(true);
    }
    void send(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(theirs_.get(), bytes.data(), bytes.size(), 0);
            if (sent < 0) {
                take_all();
                continue;
            }
            bytes = bytes.subspan(static_cast<std::size_t>(sent));
        }
    }
    /// Reads once and cuts out all messages, as a turn of the broker does.
    std::optional<StreamError> turn() {
        EXPECT_TRUE(buffer_.fill(ours_.get(), limits_));
        while (true) {
            auto message = buffer_.next(limits_);
            if (!message) return message.error();
            if (!*message) break;
            serials_.push_back((*message)->header().serial);
            bodies_.emplace_back((*message)->body().begin(), (*message)->body().end());
            owned_.push_back(static_cast<bool>((*message)->storage()));
            descriptors_.push_back(
                (*message)->descriptors() ? (*message)->descriptors()->descriptors.size() : 0);
        }
        EXPECT_TRUE(!is_paid_for_ || buffer_.admit_large());
        buffer_.park();
        return std::nullopt;
    }
    /// As a turn without a read does it when there is room again.
    void admit_later() {
        buffer_.unpark();
        EXPECT_FALSE(*buffer_.next(limits_));
        EXPECT_TRUE(buffer_.admit_large());
        buffer_.park();
    }
    void take_all() {
        for (int i = 0; i < 100; ++i)
            ASSERT_EQ(turn(), std::nullopt);
    }
    static Bytes message(std::uint32_t serial, std::size_t body_bytes, std::uint32_t fds = 0) {
        MessageBuilder builder;
        builder.start_body().write_string(std::string(body_bytes, 'x'));
        const auto built = builder.build({.serial = serial,
                                          .unix_fds = fds,
                                          .path = "/",
                                          .interface = "a.b",
                                          .member = "M",
                                          .signature = "s"});
        Bytes bytes(built.head.begin(), built.head.end());
        bytes.insert(bytes.end(), built.body.begin(), built.body.end());
        return bytes;
    }
    /// Descriptors with the first of `bytes`.
    void send_with_descriptors(const Bytes& bytes, std::size_t count) {
        std::vector<FileDescriptor> copies;
        for (std::size_t i = 0; i < count; ++i)
            copies.emplace_back(::fcntl(ours_.get(), F_DUPFD_CLOEXEC, 3));
        BlockPool pool;
        SendBuffer out(pool);
        Header none;
        out.append({none, bytes, {}, nullptr, make_ref<DescriptorSet>(std::move(copies))});
        ASSERT_TRUE(out.flush(theirs_.get()));
    }

    BlockPool pool_;
    ReadArena arena_;
    ReceiveBuffer buffer_{arena_, pool_};
    StreamLimits limits_;
    bool is_paid_for_ = false;  // large messages are admitted
    FileDescriptor ours_, theirs_;
    std::vector<std::uint32_t> serials_;
    std::vector<Bytes> bodies_;
    std::vector<bool> owned_;
    std::vector<std::size_t> descriptors_;
};

TEST_F(Stream, CutsOutAllMessagesOfOneRead) {
    Bytes all;
    for (std::uint32_t serial = 1; serial <= 5; ++serial) {
        const Bytes one = message(serial, serial * 10);
        all.insert(all.end(), one.begin(), one.end());
    }
    send(all);
    EXPECT_EQ(turn(), std::nullopt);
    EXPECT_EQ(serials_, (std::vector<std::uint32_t>{1, 2, 3, 4, 5}));
    EXPECT_FALSE(buffer_.is_mid_message());
    EXPECT_EQ(buffer_.held_bytes(), 0U) << "an idle connection holds nothing";
    EXPECT_EQ(pool_.blocks_in_use(), 0U);
}

TEST_F(Stream, WaitsForTheRestWhereverAMessageIsCut) {
    const Bytes one = message(9, 100);
    for (std::size_t cut = 1; cut < one.size(); ++cut) {
        serials_.clear();
        send(std::span(one).first(cut));
        EXPECT_EQ(turn(), std::nullopt);
        EXPECT_TRUE(serials_.empty()) << "after " << cut << " bytes";
        EXPECT_TRUE(buffer_.is_mid_message());
        send(std::span(one).subspan(cut));
        EXPECT_EQ(turn(), std::nullopt);
        EXPECT_EQ(serials_, std::vector<std::uint32_t>{9});
    }
}

TEST_F(Stream, LargeMessagesOwnTheirBytesAndSmallOnesFollowThem) {
    const Bytes large = message(1, 300'000);
    const Bytes small = message(2, 10);
    Bytes all = large;
    all.insert(all.end(), small.begin(), small.end());
    send(all);
    take_all();
    ASSERT_EQ(serials_, (std::vector<std::uint32_t>{1, 2}));
    EXPECT_EQ(owned_, (std::vector<bool>{true, false}));
    EXPECT_EQ(bodies_[0].size(), 300'005U);
    EXPECT_EQ(bodies_[0], Bytes(large.end() - 300'005, large.end()));
    EXPECT_EQ(pool_.blocks_in_use(), 0U);
}

TEST_F(Stream, LeftOverMessagesSurviveBeingParked) {
    Bytes all = message(1, 20);
    const Bytes second = message(2, 20);
    all.insert(all.end(), second.begin(), second.end());
    send(all);
    ASSERT_TRUE(buffer_.fill(ours_.get(), limits_));
    EXPECT_TRUE(*buffer_.next(limits_));
    buffer_.park();
    EXPECT_TRUE(buffer_.is_mid_message());
    buffer_.unpark();
    const auto message = buffer_.next(limits_);
    ASSERT_TRUE(message && *message);
    EXPECT_EQ((*message)->header().serial, 2U);
}

/// What many streams that are not read on hold for all together.
class ReadAhead : public Stream {
protected:
    /// Sends `bytes` to another stream, which reads once and puts aside what it has got.
    std::size_t read_and_put_aside(const Bytes& bytes) {
        send(bytes);
        ReceiveBuffer& buffer = many_.emplace_back(arena_, pool_);
        EXPECT_TRUE(buffer.fill(ours_.get(), limits_));
        const std::size_t read = buffer.unread().size();
        EXPECT_FALSE(*buffer.next(limits_));
        buffer.park();
        std::array<std::byte, 2 * ReadArena::kReadBytes> rest;
        (void)!::recv(ours_.get(), rest.data(), rest.size(), MSG_DONTWAIT);
        return read;
    }
    /// Until more than `most` is put aside.
    void put_aside_beyond(std::size_t most, const Bytes& bytes) {
        while (arena_.aside() <= most) {
            ASSERT_LT(many_.size(), 100'000U);
            read_and_put_aside(bytes);
        }
    }
    static Bytes first_part(std::size_t total, std::size_t bytes) {
        const Bytes whole = message(1, total);
        return {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes)};
    }

    std::list<ReceiveBuffer> many_;
};

TEST_F(ReadAhead, ReadsTakeLessTheMoreHasBeenPutAside) {
    for (const std::size_t total : {std::size_t{15'000}, std::size_t{64'000}}) {
        const Bytes part = first_part(total, total - 1000);
        EXPECT_EQ(read_and_put_aside(part), part.size());
        put_aside_beyond(ReadArena::kMuchAside, part);
        EXPECT_EQ(read_and_put_aside(part), ReadArena::kSmallReadBytes);
        EXPECT_LE(arena_.aside(), ReadArena::kMuchAside + 2 * ReadArena::kReadBytes);
        put_aside_beyond(ReadArena::kVeryMuchAside, part);
        EXPECT_EQ(read_and_put_aside(part), ReadArena::kTinyReadBytes);
        many_.clear();
        EXPECT_EQ(arena_.aside(), 0U);
        EXPECT_EQ(read_and_put_aside(part), part.size());
        many_.clear();
    }
}

TEST_F(ReadAhead, WhatSomebodyHasPaidForDoesNotCount) {
    const Bytes part = first_part(15'000, 9'000);
    send(part);
    ReceiveBuffer buffer(arena_, pool_);
    ASSERT_TRUE(buffer.fill(ours_.get(), limits_));
    EXPECT_FALSE(*buffer.next(limits_));
    buffer.park(15'000);
    EXPECT_LE(arena_.aside(), 2'000U) << "what the block is longer";
    buffer.unpark();
    EXPECT_EQ(arena_.aside(), 0U);
    buffer.park(1'000);
    EXPECT_GE(arena_.aside(), 8'000U);
    buffer.unpark();
}

TEST_F(ReadAhead, TensOfThousandsHoldLittle) {
    const Bytes part = first_part(64'000, 60'000);
    put_aside_beyond(ReadArena::kVeryMuchAside, part);
    for (int i = 0; i < 10'000; ++i)
        read_and_put_aside(part);
    std::size_t held = 0;
    for (const ReceiveBuffer& buffer : many_)
        held += buffer.held_bytes();
    EXPECT_EQ(held, arena_.aside());
    EXPECT_LE(held, ReadArena::kVeryMuchAside + 10'001 * ReadArena::kTinyReadBytes +
                        ReadArena::kReadBytes);
}

TEST_F(Stream, AFirstPartCountsAsPutAsideUntilItsMessageIsAdmitted) {
    const Bytes large = message(1, 63'000);
    send(std::span(large).first(60'000));
    EXPECT_EQ(turn(), std::nullopt);
    EXPECT_EQ(buffer_.wanted_bytes(), large.size());
    EXPECT_EQ(buffer_.unadmitted_bytes(), 60'000U);
    EXPECT_GE(arena_.aside(), 60'000U);
    admit_later();
    EXPECT_EQ(buffer_.unadmitted_bytes(), 0U);
    EXPECT_EQ(buffer_.held_bytes(), 60'000U);
    EXPECT_EQ(arena_.aside(), 0U);
    send(std::span(large).subspan(60'000));
    EXPECT_EQ(turn(), std::nullopt);
    ASSERT_EQ(bodies_.size(), 1U);
    EXPECT_EQ(bodies_[0], Bytes(large.end() - 63'005, large.end()));
    EXPECT_EQ(owned_, std::vector<bool>{true});
}

TEST_F(Stream, AMessageThatIsAdmittedAtOnceIsNeverPutAside) {
    is_paid_for_ = true;
    const Bytes large = message(1, 200'000);
    for (std::span<const std::byte> rest = large; !rest.empty();) {
        const auto part = rest.first(std::min<std::size_t>(rest.size(), 50'000));
        send(part);
        rest = rest.subspan(part.size());
        EXPECT_EQ(turn(), std::nullopt);
        EXPECT_EQ(arena_.aside(), 0U);
    }
    EXPECT_EQ(serials_, std::vector<std::uint32_t>{1});
}

TEST_F(Stream, OneThatIsReadOnUnadmittedCountsAllThatHasCome) {
    const Bytes large = message(1, 150'000);
    const auto send_part = [&](std::size_t from, std::size_t to) {
        send(std::span(large).subspan(from, to - from));
        EXPECT_EQ(turn(), std::nullopt);
    };
    send_part(0, 50'000);
    send_part(50'000, 100'000);
    EXPECT_EQ(buffer_.unadmitted_bytes(), 100'000U);
    EXPECT_EQ(arena_.aside(), 100'000U);
    send_part(100'000, large.size());
    take_all();
    EXPECT_EQ(serials_, std::vector<std::uint32_t>{1});
    EXPECT_EQ(arena_.aside(), 0U);
}

TEST_F(Stream, ReportsABrokenHeaderAfterTheMessagesBeforeIt) {
    Bytes all = message(1, 20);
    Bytes broken = message(2, 20);
    broken[0] = std::byte{'x'};
    all.insert(all.end(), broken.begin(), broken.end());
    send(all);
    EXPECT_EQ(turn(), StreamError::Header);
    EXPECT_EQ(buffer_.header_error(), HeaderError::ByteOrderUnknown);
    EXPECT_EQ(serials_, std::vector<std::uint32_t>{1});
}

TEST_F(Stream, RefusesAMessageOverTheLimitAfterSixteenBytes) {
    limits_.max_message_bytes = 1000;
    const Bytes one = message(1, 2000);
    send(std::span(one).first(16));
    EXPECT_EQ(turn(), StreamError::Header);
    EXPECT_EQ(buffer_.header_error(), HeaderError::MessageTooLong);
}

TEST_F(Stream, AnAnnouncedGiantHoldsOnlyWhatHasArrived) {
    limits_.max_message_bytes = kMaxMessageBytes;
    Bytes giant = message(1, 10);
    store_unsigned(&giant[4], std::uint32_t{100'000'000}, ByteOrder::Little);
    send(giant);
    EXPECT_EQ(turn(), std::nullopt);
    EXPECT_TRUE(buffer_.is_mid_message());
    EXPECT_LE(buffer_.held_bytes(), 512U);
    admit_later();
    EXPECT_EQ(buffer_.held_bytes(), giant.size());
}

TEST_F(Stream, DescriptorsGoToTheMessagesThatClaimThem) {
    Bytes all = message(1, 10, 2);
    for (const Bytes& more : {message(2, 10), message(3, 10, 1)})
        all.insert(all.end(), more.begin(), more.end());
    send_with_descriptors(all, 3);
    EXPECT_EQ(turn(), std::nullopt);
    EXPECT_EQ(descriptors_, (std::vector<std::size_t>{2, 0, 1}));
    EXPECT_EQ(buffer_.waiting_descriptors(), 0U);
}

TEST_F(Stream, DescriptorsMayComeWithTheFirstPartOfTheirMessage) {
    const Bytes one = message(1, 100, 1);
    send_with_descriptors(Bytes(one.begin(), one.begin() + 20), 1);
    EXPECT_EQ(turn(), std::nullopt);
    EXPECT_EQ(buffer_.waiting_descriptors(), 1U);
    send(std::span(one).subspan(20));
    EXPECT_EQ(turn(), std::nullopt);
    EXPECT_EQ(descriptors_, std::vector<std::size_t>{1});
}

TEST_F(Stream, NamesWhatIsWrongWithDescriptors) {
    send(message(1, 10, 1));
    EXPECT_EQ(turn(), StreamError::DescriptorsMissing);
}

TEST_F(Stream, RefusesMoreDescriptorsThanTheLimit) {
    limits_.max_message_descriptors = 2;
    send_with_descriptors(message(1, 10, 3), 3);
    EXPECT_EQ(turn(), StreamError::TooManyDescriptors);
}

TEST_F(Stream, RefusesDescriptorsThatWereNotNegotiated) {
    buffer_.allow_descriptors(false);
    send_with_descriptors(message(1, 10, 1), 1);
    EXPECT_EQ(turn(), StreamError::DescriptorsNotNegotiated);
}

TEST_F(Stream, DoesNotCollectDescriptorsThatNoMessageClaims) {
    limits_.max_message_descriptors = 16;
    std::optional<StreamError> error;
    for (int i = 0; i < 10 && !error; ++i) {
        send_with_descriptors(message(static_cast<std::uint32_t>(i + 1), 10), 100);
        error = turn();
    }
    EXPECT_EQ(error, StreamError::TooManyDescriptors);
}

TEST_F(Stream, DescriptorsOfTheNextMessageMayComeBehindTheEndOfOne) {
    limits_.max_message_descriptors = 2;
    const Bytes first = message(1, 100, 2);
    send_with_descriptors(Bytes(first.begin(), first.begin() + 20), 2);
    EXPECT_EQ(turn(), std::nullopt);
    send(std::span(first).subspan(20));
    send_with_descriptors(message(2, 10, 2), 2);
    take_all();
    EXPECT_EQ(descriptors_, (std::vector<std::size_t>{2, 2}));
}

TEST_F(Stream, GrowsWithALargeMessage) {
    const Bytes large = message(1, std::size_t{9} << 20);
    for (std::span<const std::byte> rest = large; !rest.empty();) {
        const auto part = rest.first(std::min<std::size_t>(rest.size(), 60'000));
        send(part);
        rest = rest.subspan(part.size());
        ASSERT_EQ(turn(), std::nullopt);
    }
    ASSERT_EQ(bodies_.size(), 1U);
    EXPECT_TRUE(std::equal(bodies_[0].rbegin(), bodies_[0].rend(), large.rbegin()));
}

TEST(BlockPool, TellsWhenThereIsNoMemory) {
    BlockPool pool;
    constexpr std::size_t kNobodyHas = std::size_t{1} << 60;
    EXPECT_FALSE(pool.try_take(kNobodyHas));
    EXPECT_THROW((void)pool.take(kNobodyHas), std::bad_alloc);
    const auto block = pool.take(std::size_t{1} << 20);
    block->data()[5] = std::byte{7};
    EXPECT_FALSE(block->try_grow(kNobodyHas));
    EXPECT_TRUE(block->try_grow(std::size_t{1} << 24));
    EXPECT_EQ(block->data()[5], std::byte{7});
    EXPECT_EQ(block->capacity(), std::size_t{1} << 24);
}

TEST(BlockPool, FreesLongBlocksInPartsWhereSomebodySeesToIt) {
    constexpr std::size_t kLong = std::size_t{64} << 20;
    BlockPool pool;
    int told = 0;
    pool.free_in_parts([&told] { ++told; });
    (void)pool.take(kLong / 16);
    EXPECT_EQ(told, 0) << "kept";
    (void)pool.take(kLong);
    EXPECT_EQ(told, 1);
    int parts = 1;
    while (pool.free_some())
        ++parts;
    EXPECT_GT(parts, 8);
    EXPECT_FALSE(pool.free_some());
}

TEST(BlockPool, FreesManyBlocksInPartsAsWell) {
    constexpr std::size_t kBlock = std::size_t{64} << 10;
    constexpr std::size_t kBlocks = 2000;
    BlockPool pool;
    int told = 0;
    pool.free_in_parts([&told] { ++told; });
    {
        std::vector<Ref<Block>> blocks;
        while (blocks.size() < kBlocks)
            blocks.push_back(pool.take(kBlock));
    }
    EXPECT_GT(told, 0);
    EXPECT_GT(pool.kept_bytes(), 0U);
    int parts = 1;
    while (pool.free_some())
        ++parts;
    EXPECT_GT(parts, 16);
    EXPECT_EQ(pool.blocks_in_use(), 0U);
}

TEST_F(Stream, TellsTheEndOfTheStream) {
    theirs_.reset();
    const auto status = buffer_.fill(ours_.get(), limits_);
    ASSERT_TRUE(status);
    EXPECT_EQ(*status, ReadStatus::EndOfStream);
}

}  // namespace
}  // namespace buzon::bus
