// SPDX-License-Identifier: Apache-2.0
#include "bus/send_buffer.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

namespace buzon::bus {
namespace {

using Bytes = std::vector<std::byte>;

class Sending : public testing::Test {
protected:
    Sending() {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) < 0)
            std::abort();
        ours_.reset(ends[0]);
        theirs_.reset(ends[1]);
    }
    static Bytes pattern(std::size_t size, unsigned seed) {
        Bytes bytes(size);
        for (std::size_t i = 0; i < size; ++i)
            bytes[i] = static_cast<std::byte>((i * 31 + seed) & 0xff);
        return bytes;
    }
    void append(const Bytes& head,
                const Bytes& body,
                Ref<const Block> owner = nullptr,
                std::span<const std::byte> shared = {},
                std::size_t descriptors = 0) {
        expected_.insert(expected_.end(), head.begin(), head.end());
        const auto bytes = owner ? shared : std::span<const std::byte>(body);
        expected_.insert(expected_.end(), bytes.begin(), bytes.end());
        Ref<const DescriptorSet> set;
        if (descriptors > 0) {
            std::vector<FileDescriptor> copies;
            for (std::size_t i = 0; i < descriptors; ++i)
                copies.emplace_back(::fcntl(ours_.get(), F_DUPFD_CLOEXEC, 3));
            set = make_ref<DescriptorSet>(std::move(copies));
        }
        out_.append({header_, head, bytes, std::move(owner), std::move(set)});
    }
    /// One read of the receiver; returns how many descriptors came with it.
    std::size_t receive(std::size_t most = 1 << 16) {
        Bytes bytes(most);
        iovec part{bytes.data(), bytes.size()};
        alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(64 * sizeof(int))> control{};
        msghdr header{};
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        const ssize_t size = ::recvmsg(theirs_.get(), &header, 0);
        if (size <= 0) return 0;
        received_.insert(received_.end(), bytes.begin(), bytes.begin() + size);
        std::size_t count = 0;
        for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
            count += (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (std::size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
                int fd = -1;
                std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
                ::close(fd);
            }
        }
        return count;
    }
    void flush_and_receive_all() {
        while (true) {
            const auto status = out_.flush(ours_.get());
            ASSERT_TRUE(status);
            for (std::size_t before = expected_.size() + 1; received_.size() != before;) {
                before = received_.size();
                receive();
            }
            if (*status == FlushStatus::Empty) return;
        }
    }

    Header header_;
    BlockPool pool_;
    SendBuffer out_{pool_};
    FileDescriptor ours_, theirs_;
    Bytes expected_, received_;
};

TEST_F(Sending, SmallMessagesLeaveInOneWrite) {
    for (unsigned i = 0; i < 10; ++i)
        append(pattern(80, i), pattern(20, i));
    const auto status = out_.flush(ours_.get());
    ASSERT_TRUE(status);
    EXPECT_EQ(*status, FlushStatus::Empty);
    receive();
    EXPECT_EQ(received_, expected_);
    EXPECT_TRUE(out_.empty());
    EXPECT_EQ(pool_.blocks_in_use(), 0U) << "a drained buffer holds no memory";
}

TEST_F(Sending, KeepsOrderThroughAFullSocket) {
    for (unsigned i = 0; i < 400; ++i)
        append(pattern(100, i), pattern(i * 13, i));
    const auto large = pool_.take(200'000);
    const Bytes content = pattern(200'000, 3);
    std::memcpy(large->data(), content.data(), content.size());
    append(pattern(64, 1), {}, large, {large->data(), 200'000});
    for (unsigned i = 0; i < 400; ++i)
        append(pattern(100, i), pattern(i * 7, i));
    const auto first = out_.flush(ours_.get());
    ASSERT_TRUE(first);
    EXPECT_EQ(*first, FlushStatus::SocketFull);
    EXPECT_EQ(out_.queued_bytes() + out_.sent(), expected_.size());
    append(pattern(10, 9), pattern(10, 8));
    flush_and_receive_all();
    EXPECT_EQ(received_, expected_);
}

TEST(SendBuffer, TakesLittleMoreMemoryThanIsQueued) {
    constexpr std::size_t kUnusedAtMost = 20'000;
    for (const std::size_t messages : {1U, 10U, 100U, 150U, 300U}) {
        BlockPool pool;
        SendBuffer buffer(pool);
        for (std::size_t i = 0; i < messages; ++i)
            buffer.append_bytes(Bytes(1000));
        const std::size_t queued = buffer.queued_bytes();
        buffer.clear();
        EXPECT_GE(pool.kept_bytes(), queued);
        EXPECT_LE(pool.kept_bytes(), queued + std::max(kUnusedAtMost, queued / 8)) << messages;
    }
}

TEST_F(Sending, LargeBodiesAreNotCopied) {
    const auto body = pool_.take(100'000);
    std::memset(body->data(), 'x', 100'000);
    const std::size_t blocks = pool_.blocks_in_use();
    append(pattern(64, 1), {}, body, {body->data(), 100'000});
    EXPECT_EQ(pool_.blocks_in_use(), blocks + 1) << "one block for the head alone";
}

TEST_F(Sending, LargeHeadsAreSharedByTheirReceiversToo) {
    const auto head = pool_.take(100'000);
    std::memset(head->data(), 'x', 100'000);
    const std::size_t blocks = pool_.blocks_in_use();
    SendBuffer other(pool_);
    const std::span<const std::byte> bytes(head->data(), 100'000);
    for (SendBuffer* out : {&out_, &other})
        out->append({header_, bytes, {}, nullptr, nullptr, head});
    EXPECT_EQ(pool_.blocks_in_use(), blocks);
}

TEST_F(Sending, DescriptorsComeWithTheirOwnMessageOnly) {
    append(pattern(50, 1), {});
    append(pattern(60, 2), {}, nullptr, {}, 2);
    append(pattern(70, 3), {}, nullptr, {}, 1);
    append(pattern(80, 4), {});
    ASSERT_TRUE(out_.flush(ours_.get()));
    EXPECT_EQ(receive(50), 0U);
    EXPECT_EQ(receive(60), 2U);
    EXPECT_EQ(receive(70), 1U);
    EXPECT_EQ(receive(80), 0U);
    EXPECT_EQ(received_, expected_);
}

TEST_F(Sending, CountsWhatIsQueuedAndWhatIsGone) {
    append(pattern(100, 1), pattern(23, 1));
    EXPECT_EQ(out_.queued_bytes(), 123U);
    EXPECT_EQ(out_.appended(), 123U);
    ASSERT_TRUE(out_.flush(ours_.get()));
    EXPECT_EQ(out_.queued_bytes(), 0U);
    EXPECT_EQ(out_.sent(), 123U);
}

TEST_F(Sending, StopsWhenEnoughIsWrittenAlthoughTheSocketTakesMore) {
    append(pattern(100, 1), pattern(200, 2));
    const auto status = out_.flush(ours_.get(), 150);
    ASSERT_TRUE(status);
    EXPECT_EQ(*status, FlushStatus::Unfinished);
    EXPECT_EQ(out_.queued_bytes(), 150U);
    EXPECT_EQ(out_.flush(ours_.get(), 150).value(), FlushStatus::Empty);
    receive(300);
    EXPECT_EQ(received_, expected_);
}

TEST_F(Sending, OneOfMoreThanIsEnoughIsNotWrittenAtOnceEither) {
    const auto body = pool_.take(100'000);
    std::memset(body->data(), 'x', 100'000);
    append(pattern(64, 1), {}, body, {body->data(), 100'000});
    const auto status = out_.flush(ours_.get(), 1000);
    ASSERT_TRUE(status);
    EXPECT_EQ(*status, FlushStatus::Unfinished);
    EXPECT_EQ(out_.sent(), 1000U);
}

TEST_F(Sending, AClosedReceiverIsAnError) {
    theirs_.reset();
    append(pattern(100, 1), {});
    const auto status = out_.flush(ours_.get());
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error(), EPIPE);
    out_.clear();
    EXPECT_TRUE(out_.empty());
    EXPECT_EQ(pool_.blocks_in_use(), 0U);
}

}  // namespace
}  // namespace buzon::bus
