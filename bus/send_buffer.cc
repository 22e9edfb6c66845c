// SPDX-License-Identifier: Apache-2.0
#include "bus/send_buffer.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

namespace buzon::bus {

namespace {

constexpr std::size_t kMaxParts = 64;           // iovecs per sendmsg
constexpr std::size_t kFirstBlockBytes = 4096;  // most turns bring a peer less than this
constexpr std::size_t kMinNextBlockBytes = 16 * 1024;
constexpr std::size_t kMaxNextBlockBytes = 64 * 1024;
// Of what is queued, so much may be free at the end and sent at the beginning: with a thousand
// queues of 100 KB blocks of 64 KiB would be half as much again.
constexpr std::size_t kQueuedPerBlock = 8;

std::size_t next_block_bytes(std::size_t queued) {
    return std::clamp(std::bit_floor(queued / kQueuedPerBlock), kMinNextBlockBytes,
                      kMaxNextBlockBytes);
}

/// The control data of a sendmsg that carries `descriptors`.
class RightsMessage {
public:
    void attach(const DescriptorSet& descriptors, msghdr& header) {
        const auto& all = descriptors.descriptors;
        const std::size_t count = std::min(all.size(), kMaxDescriptorsPerMessage);
        header.msg_control = bytes_.data();
        header.msg_controllen = CMSG_SPACE(count * sizeof(int));
        // The padding behind an odd number of them is read as well.
        std::fill_n(bytes_.begin(), header.msg_controllen, std::byte{});
        cmsghdr* part = CMSG_FIRSTHDR(&header);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(count * sizeof(int));
        for (std::size_t i = 0; i < count; ++i) {
            const int fd = all[i].get();
            std::memcpy(CMSG_DATA(part) + i * sizeof(int), &fd, sizeof fd);
        }
    }

private:
    alignas(
        cmsghdr) std::array<std::byte, CMSG_SPACE(kMaxDescriptorsPerMessage * sizeof(int))> bytes_;
};

}  // namespace

void SendBuffer::append(const OutgoingMessage& message) {
    if (message.descriptors) cut_for(message.descriptors);
    copy_or_share(message.head, message.head_owner);
    copy_or_share(message.body, message.body_owner);
}

void SendBuffer::copy_or_share(std::span<const std::byte> bytes, const Ref<const Block>& owner) {
    if (owner && bytes.size() >= kLargeMessageBytes / 2) {
        share(bytes, owner);
    } else {
        copy_in(bytes);
    }
}

void SendBuffer::append_bytes(std::span<const std::byte> bytes) {
    copy_in(bytes);
}

/// The next byte appended starts a segment that carries `descriptors`.
void SendBuffer::cut_for(Ref<const DescriptorSet> descriptors) {
    open_tail();
    segments_.push_back({segments_.empty() || !room_ ? nullptr : segments_.back().block, room_,
                         room_, std::move(descriptors)});
}

/// Makes sure that there is room behind the last segment.
void SendBuffer::open_tail() {
    if (room_ && room_ != room_end_) return;
    const Ref<Block> block = pool_->take(
        segments_.size() == first_ ? kFirstBlockBytes : next_block_bytes(queued_bytes()));
    room_ = block->data();
    room_end_ = room_ + block->capacity();
    segments_.push_back({block, room_, room_, nullptr});
}

void SendBuffer::copy_in(std::span<const std::byte> bytes) {
    appended_ += bytes.size();
    while (!bytes.empty()) {
        open_tail();
        const std::size_t part =
            std::min(bytes.size(), static_cast<std::size_t>(room_end_ - room_));
        std::memcpy(room_, bytes.data(), part);
        room_ += part;
        segments_.back().end = room_;
        bytes = bytes.subspan(part);
    }
}

void SendBuffer::share(std::span<const std::byte> bytes, Ref<const Block> owner) {
    appended_ += bytes.size();
    segments_.push_back({std::move(owner), bytes.data(), bytes.data() + bytes.size(), nullptr});
    room_ = room_end_ = nullptr;
}

Result<FlushStatus, int> SendBuffer::flush(int fd, std::size_t enough) {
    const std::uint64_t end = sent_ + enough;
    while (!empty()) {
        if (sent_ >= end) return FlushStatus::Unfinished;
        const ssize_t written = send_front(fd, static_cast<std::size_t>(end - sent_));
        if (written < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) return FlushStatus::SocketFull;
            if (errno == ETOOMANYREFS) return FlushStatus::KernelBusy;
            return Unexpected{errno};
        }
        drop_sent(static_cast<std::size_t>(written));
    }
    return FlushStatus::Empty;
}

void SendBuffer::clear() {
    sent_ = appended_;
    segments_.clear();
    first_ = 0;
    room_ = room_end_ = nullptr;
}

bool SendBuffer::discard_some(std::size_t most) {
    for (; most > 0 && piece_count() > 0; --most)
        segments_[first_++] = {};
    if (piece_count() > 0) return false;
    clear();
    return true;
}

std::size_t SendBuffer::queued_descriptors() const {
    std::size_t count = 0;
    for (const Segment& segment : segments_)
        if (segment.descriptors) count += segment.descriptors->descriptors.size();
    return count;
}

/// One sendmsg of at most `most` bytes, as the kernel goes on as long as the other side reads: from
/// the first segment on, up to the next that carries descriptors.
ssize_t SendBuffer::send_front(int fd, std::size_t most) const {
    std::array<iovec, kMaxParts> parts;
    std::size_t count = 0;
    msghdr header{};
    RightsMessage rights;
    for (std::size_t i = first_; i < segments_.size() && count < kMaxParts && most > 0; ++i) {
        const Segment& segment = segments_[i];
        if (segment.descriptors) {
            if (count > 0) break;
            rights.attach(*segment.descriptors, header);
        }
        if (segment.begin == segment.end) continue;
        const auto length = std::min(most, static_cast<std::size_t>(segment.end - segment.begin));
        parts[count++] = {const_cast<std::byte*>(segment.begin), length};
        most -= length;
    }
    // The usual case: send() spares the kernel the copies of a msghdr and its iovec.
    if (count == 1 && !header.msg_control)
        return ::send(fd, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
    header.msg_iov = parts.data();
    header.msg_iovlen = count;
    return ::sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void SendBuffer::drop_sent(std::size_t bytes) {
    sent_ += bytes;
    while (first_ < segments_.size()) {
        Segment& segment = segments_[first_];
        const auto length = static_cast<std::size_t>(segment.end - segment.begin);
        if (length > 0 && bytes == 0) break;
        const std::size_t part = std::min(length, bytes);
        segment.begin += part;
        bytes -= part;
        // The kernel has taken the descriptors with the first byte.
        if (part > 0) segment.descriptors = nullptr;
        if (segment.begin != segment.end) break;
        if (length == 0 && segment.descriptors) break;
        segment = {};
        ++first_;
    }
    if (empty()) {
        clear();
    } else if (first_ > 32 && first_ > segments_.size() / 2) {
        segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
    }
}

}  // namespace buzon::bus
