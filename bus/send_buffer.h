// SPDX-License-Identifier: Apache-2.0
// Messages on their way into one socket: small ones copied one behind the other, large bodies by
// reference, all of it written with as few sendmsg calls as the descriptors allow.
// Invariant: bytes leave in the order in which they came. Descriptors go with the first byte of
// their message, which starts a sendmsg of its own: sd-bus and GDBus take what comes with a
// message's own bytes for that message's.
// Positions count bytes of the stream since its start. Errors: errno of sendmsg.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bus/base/block_pool.h"
#include "bus/base/ref.h"
#include "bus/base/result.h"
#include "bus/message.h"

namespace buzon::bus {

/// What the kernel passes with one message at most (its SCM_MAX_FD).
inline constexpr std::size_t kMaxDescriptorsPerMessage = 253;

enum class FlushStatus : std::uint8_t {
    Empty,       // all is written
    SocketFull,  // wait for EPOLLOUT
    KernelBusy,  // too many descriptors in flight: try again a little later
    Unfinished,  // enough for now: the socket may take more
};

class SendBuffer {
public:
    explicit SendBuffer(BlockPool& pool) : pool_(&pool) {}

    void append(const OutgoingMessage& message);
    /// For the auth dialogue.
    void append_bytes(std::span<const std::byte> bytes);

    /// Writes until all is gone, the socket takes no more, or `enough` bytes are written:
    /// whoever reads as fast as we write would keep us busy for as long as there is something.
    Result<FlushStatus, int> flush(int fd, std::size_t enough = kMaxMessageBytes);

    /// Drops all that is queued.
    void clear();
    /// Drops `most` of the pieces that are queued; nothing may be appended or written any more.
    /// False: there are more.
    bool discard_some(std::size_t most);
    [[nodiscard]] std::size_t piece_count() const { return segments_.size() - first_; }

    [[nodiscard]] bool empty() const { return appended_ == sent_; }
    [[nodiscard]] std::size_t queued_bytes() const { return appended_ - sent_; }
    /// Those that the kernel has not taken yet. Takes a step for each piece that is queued.
    [[nodiscard]] std::size_t queued_descriptors() const;
    [[nodiscard]] std::uint64_t appended() const { return appended_; }
    [[nodiscard]] std::uint64_t sent() const { return sent_; }

private:
    /// Bytes that lie together; `descriptors` belong to the first of them.
    struct Segment {
        Ref<const Block> block;
        const std::byte* begin;
        const std::byte* end;
        Ref<const DescriptorSet> descriptors;
    };

    void copy_or_share(std::span<const std::byte> bytes, const Ref<const Block>& owner);
    void copy_in(std::span<const std::byte> bytes);
    void share(std::span<const std::byte> bytes, Ref<const Block> owner);
    void cut_for(Ref<const DescriptorSet> descriptors);
    void open_tail();
    [[nodiscard]] ssize_t send_front(int fd, std::size_t most) const;
    void drop_sent(std::size_t bytes);

    BlockPool* pool_;
    std::vector<Segment> segments_;
    std::size_t first_ = 0;      // segments before it are gone
    std::byte* room_ = nullptr;  // free bytes behind the last segment, if it is ours to extend
    std::byte* room_end_ = nullptr;
    std::uint64_t appended_ = 0;
    std::uint64_t sent_ = 0;
};

}  // namespace buzon::bus
