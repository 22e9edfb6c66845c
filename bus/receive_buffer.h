// SPDX-License-Identifier: Apache-2.0
// What one socket has brought and nobody has consumed: auth lines or messages, and descriptors.
// Reads go into one arena that all connections share, and messages are cut out of it in place; only
// what is incomplete at the end of a turn is copied aside. A large message that somebody pays for
// is read into a block of its own, which grows with what arrives, and never copied again.
// Invariant: between fill() and park(), views handed out stay valid; the arena is ours alone.
// Errors: a broken header ends the stream; descriptors follow their messages in stream order.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "bus/base/block_pool.h"
#include "bus/base/file_descriptor.h"
#include "bus/base/ref.h"
#include "bus/base/result.h"
#include "bus/header.h"
#include "bus/message.h"

namespace buzon::bus {

/// The memory that a loop reads into. One for all connections, which it outlives.
/// What a read brings of one that is not read on has to be put aside, and is charged to nobody. So
/// reads take little while much has been put aside, and next to nothing while there is very much:
/// that bounds it for all together.
class ReadArena {
public:
    /// The most that one read takes from a socket; while more than kMuchAside is put aside; and
    /// while more than kVeryMuchAside is.
    static constexpr std::size_t kReadBytes = 64 * 1024;
    static constexpr std::size_t kSmallReadBytes = 4 * 1024;
    static constexpr std::size_t kTinyReadBytes = 512;
    static constexpr std::size_t kMuchAside = std::size_t{8} << 20;
    static constexpr std::size_t kVeryMuchAside = std::size_t{24} << 20;

    /// Memory for what one connection has put aside: counted while this lives.
    class Aside {
    public:
        Aside() = default;
        Aside(ReadArena& arena, std::size_t bytes) : arena_(&arena), bytes_(bytes) {
            arena.aside_ += bytes;
        }
        Aside(Aside&& other) noexcept
            : arena_(other.arena_), bytes_(std::exchange(other.bytes_, 0)) {}
        Aside& operator=(Aside&& other) noexcept {
            release();
            arena_ = other.arena_;
            bytes_ = std::exchange(other.bytes_, 0);
            return *this;
        }
        Aside(const Aside&) = delete;
        Aside& operator=(const Aside&) = delete;
        ~Aside() { release(); }

        void release() {
            if (bytes_ > 0) arena_->aside_ -= std::exchange(bytes_, 0);
        }
        [[nodiscard]] std::size_t bytes() const { return bytes_; }

    private:
        ReadArena* arena_ = nullptr;
        std::size_t bytes_ = 0;
    };

    [[nodiscard]] std::span<std::byte> whole() { return bytes_; }
    /// For the next read.
    [[nodiscard]] std::size_t read_bytes() const {
        if (aside_ <= kMuchAside) return kReadBytes;
        return aside_ <= kVeryMuchAside ? kSmallReadBytes : kTinyReadBytes;
    }
    /// Put aside for all connections.
    [[nodiscard]] std::size_t aside() const { return aside_; }

private:
    std::size_t aside_ = 0;
    // Left-over bytes of a connection, never more than one read, stand in front of the new ones.
    std::vector<std::byte> bytes_ = std::vector<std::byte>(2 * kReadBytes);
};

enum class ReadStatus : std::uint8_t { Data, WouldBlock, EndOfStream };

enum class StreamError : std::uint8_t {
    Header,              // header_error() has the violation
    TooManyDescriptors,  // more than the limit in one message, or too many that no message claims
    DescriptorsMissing,  // fewer arrived than UNIX_FDS says
    DescriptorsLost,     // this process had no room for them; which are missing is unknown
    DescriptorsNotNegotiated,
    NoMemory,  // for the rest of a large message
};

struct StreamLimits {
    std::size_t max_message_bytes = kMaxMessageBytes;
    std::size_t max_message_descriptors = 16;
};

class ReceiveBuffer {
public:
    ReceiveBuffer(ReadArena& arena, BlockPool& pool) : arena_(&arena), pool_(&pool) {}

    /// One recvmsg; all complete messages must have been taken before. It takes descriptors for one
    /// message at most: next() reports that there were more. Of a large message that is not
    /// admitted, what comes counts as put aside.
    /// Errors: its errno, other than EAGAIN and EINTR; ENOMEM.
    Result<ReadStatus, int> fill(int fd, const StreamLimits& limits);

    /// What is wrong with the descriptors that have come so far, whatever the bytes say; also to be
    /// asked during the auth dialogue.
    [[nodiscard]] std::optional<StreamError> descriptor_error(const StreamLimits& limits) const;

    /// Bytes not yet consumed, for the auth dialogue; valid until the next fill() or park().
    [[nodiscard]] std::span<const std::byte> unread() const { return view_; }
    void consume(std::size_t bytes) { view_ = view_.subspan(bytes); }
    /// After the auth dialogue: whether UNIX_FDS may be claimed.
    void allow_descriptors(bool allowed) { descriptors_allowed_ = allowed; }

    /// The next complete message, or nothing. Its bytes are valid until park() unless it owns them.
    Result<std::optional<Message>, StreamError> next(const StreamLimits& limits);
    [[nodiscard]] HeaderError header_error() const { return header_error_; }

    /// Somebody pays for the large message that has come in part, if there is one: it does not
    /// count as put aside, and is read into a block of its own. To be asked before park().
    /// False: there is no memory.
    [[nodiscard]] bool admit_large();
    /// What has come of a message in part; of a large one only while it is not admitted.
    [[nodiscard]] std::size_t unadmitted_bytes() const;
    /// What has come of a large message, admitted or not, that has not come whole.
    [[nodiscard]] std::size_t large_bytes() const { return large_ ? large_->have : 0; }

    /// Ends the use of the arena: what is left over is put aside. Undone by unpark(). Of that, as
    /// much as somebody has `paid` for does not count.
    void park(std::size_t paid = 0);
    /// Brings left-over bytes back into the arena, for a turn without a read.
    void unpark();

    /// Half a message, or descriptors without one, are waiting for more.
    [[nodiscard]] bool is_mid_message() const {
        return !view_.empty() || pending_bytes_ > 0 || large_.has_value();
    }
    [[nodiscard]] std::size_t waiting_descriptors() const { return descriptors_.size(); }
    /// The whole length of a message that has come in part, or before that is known what has come
    /// of it.
    [[nodiscard]] std::size_t wanted_bytes() const {
        if (large_) return large_->total;
        return announced_ > 0 ? announced_ : pending_bytes_ + view_.size();
    }
    /// Memory held for this connection between turns.
    [[nodiscard]] std::size_t held_bytes() const;

private:
    struct LargeMessage {
        Ref<Block> block;
        std::size_t total = 0;
        std::size_t have = 0;
        bool is_admitted = false;
    };

    std::span<std::byte> restore_pending();
    void keep_descriptors(const ::msghdr& header, std::size_t room);
    /// False: there is no memory.
    bool start_large(std::size_t room);
    bool grow_large();
    Result<std::optional<Message>, StreamError> next_whole(const StreamLimits& limits);
    Result<std::optional<Message>, StreamError> cut(std::span<const std::byte> bytes,
                                                    Ref<const Block> owner,
                                                    const StreamLimits& limits);
    Result<Ref<const DescriptorSet>, StreamError> claim_descriptors(std::uint32_t count,
                                                                    const StreamLimits& limits);

    ReadArena* arena_;
    BlockPool* pool_;
    std::span<const std::byte> view_;
    Ref<Block> pending_;
    std::size_t pending_bytes_ = 0;
    std::optional<LargeMessage> large_;
    std::size_t announced_ = 0;  // length of the message whose part is in view_ or pending_
    ReadArena::Aside aside_;     // pending_, or what has come of a large_ that is not admitted
    std::vector<FileDescriptor> descriptors_;
    HeaderError header_error_{};
    bool descriptors_allowed_ = false;
    bool descriptors_lost_ = false;
    bool too_many_descriptors_ = false;
};

}  // namespace buzon::bus
