// SPDX-License-Identifier: Apache-2.0
#include "bus/receive_buffer.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "bus/send_buffer.h"

namespace buzon::bus {

namespace {

constexpr std::size_t kControlBytes = CMSG_SPACE(kMaxDescriptorsPerMessage * sizeof(int));
// What a message that has only been announced is given at once. Later as much again as has arrived.
constexpr std::size_t kFirstLargeBytes = std::size_t{2} << 20;
// A socket may hold 8 MB, and to copy that takes some milliseconds.
constexpr std::size_t kMostOfLargeAtOnce = std::size_t{256} << 10;

}  // namespace

Result<ReadStatus, int> ReceiveBuffer::fill(int fd, const StreamLimits& limits) {
    unpark();
    // It is read on though nobody has admitted it.
    if (announced_ >= kLargeMessageBytes && !start_large(view_.size() + ReadArena::kReadBytes))
        return Unexpected{ENOMEM};
    const std::span<std::byte> fresh = restore_pending();
    std::array<iovec, 2> parts{};
    std::size_t used = 0;
    std::size_t room = 0;  // for the large message
    if (large_) {
        room = std::min(large_->total, large_->block->capacity()) - large_->have;
        room = std::min(room, kMostOfLargeAtOnce);
        parts[used++] = {large_->block->data() + large_->have, room};
    }
    if (!large_ || large_->have + room == large_->total)
        parts[used++] = {fresh.data(), fresh.size()};

    const std::size_t most_descriptors =
        std::min(limits.max_message_descriptors, kMaxDescriptorsPerMessage);
    alignas(cmsghdr) std::array<std::byte, kControlBytes> control;
    msghdr header{};
    header.msg_iov = parts.data();
    header.msg_iovlen = used;
    header.msg_control = control.data();
    header.msg_controllen = CMSG_LEN(most_descriptors * sizeof(int));
    const ssize_t received = ::recvmsg(fd, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (received < 0) {
        if (errno == EAGAIN || errno == EINTR) return ReadStatus::WouldBlock;
        return Unexpected{errno};
    }
    keep_descriptors(header, most_descriptors);
    if (received == 0) return ReadStatus::EndOfStream;

    auto bytes = static_cast<std::size_t>(received);
    if (large_) {
        const std::size_t part = std::min(bytes, room);
        large_->have += part;
        if (!large_->is_admitted) aside_ = ReadArena::Aside(*arena_, large_->have);
        bytes -= part;
    }
    view_ = {view_.data(), view_.size() + bytes};
    return ReadStatus::Data;
}

/// The room for the next read, behind what is left over in the arena.
std::span<std::byte> ReceiveBuffer::restore_pending() {
    const std::span<std::byte> arena = arena_->whole();
    if (view_.empty()) view_ = arena.first(0);
    assert(view_.size() <= ReadArena::kReadBytes);
    return arena.subspan(static_cast<std::size_t>(view_.data() - arena.data()) + view_.size(),
                         arena_->read_bytes());
}

void ReceiveBuffer::unpark() {
    if (pending_bytes_ == 0) return;
    const std::span<std::byte> arena = arena_->whole();
    std::memcpy(arena.data(), pending_->data(), pending_bytes_);
    view_ = arena.first(std::exchange(pending_bytes_, 0));
    aside_.release();
    pending_ = nullptr;
}

void ReceiveBuffer::park(std::size_t paid) {
    if (!view_.empty()) {
        pending_ = pool_->take(view_.size());
        pending_bytes_ = view_.size();
        std::memcpy(pending_->data(), view_.data(), pending_bytes_);
        aside_ =
            ReadArena::Aside(*arena_, pending_->capacity() - std::min(paid, pending_->capacity()));
    }
    view_ = {};
}

void ReceiveBuffer::keep_descriptors(const msghdr& header, std::size_t room) {
    std::size_t kept = 0;
    for (const cmsghdr* part = CMSG_FIRSTHDR(&header); part;
         part = CMSG_NXTHDR(const_cast<msghdr*>(&header), const_cast<cmsghdr*>(part))) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        kept += count;
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
            descriptors_.emplace_back(fd);
        }
    }
    if (!(header.msg_flags & MSG_CTRUNC)) return;
    // The kernel closes what does not fit, into the room given or into our table of descriptors,
    // and says only this. To go on would give the descriptors of one message to another.
    (kept == room ? too_many_descriptors_ : descriptors_lost_) = true;
}

std::optional<StreamError> ReceiveBuffer::descriptor_error(const StreamLimits& limits) const {
    if (descriptors_lost_) return StreamError::DescriptorsLost;
    // One read brings those of one message, perhaps behind those of an earlier one.
    const std::size_t most = limits.max_message_descriptors * (descriptors_allowed_ ? 2 : 1);
    if (too_many_descriptors_ || descriptors_.size() > most) return StreamError::TooManyDescriptors;
    return std::nullopt;
}

Result<std::optional<Message>, StreamError> ReceiveBuffer::next(const StreamLimits& limits) {
    if (const auto error = descriptor_error(limits)) return Unexpected{*error};
    auto message = next_whole(limits);
    // What is left belongs to the message that is not whole yet.
    if (message && !*message && descriptors_.size() > limits.max_message_descriptors)
        return Unexpected{StreamError::TooManyDescriptors};
    return message;
}

Result<std::optional<Message>, StreamError> ReceiveBuffer::next_whole(const StreamLimits& limits) {
    if (large_) {
        if (large_->have < large_->total) {
            if (!grow_large()) return Unexpected{StreamError::NoMemory};
            return std::optional<Message>();
        }
        const LargeMessage done = std::move(*large_);
        large_.reset();
        aside_.release();
        return cut({done.block->data(), done.total}, done.block, limits);
    }
    announced_ = 0;
    if (view_.size() < kFixedHeaderBytes) return std::optional<Message>();
    const auto length = message_length(view_, limits.max_message_bytes);
    if (!length) {
        header_error_ = length.error();
        return Unexpected{StreamError::Header};
    }
    if (*length > view_.size()) {
        announced_ = *length;
        return std::optional<Message>();
    }
    const auto bytes = view_.first(*length);
    view_ = view_.subspan(*length);
    return cut(bytes, nullptr, limits);
}

bool ReceiveBuffer::admit_large() {
    if (announced_ >= kLargeMessageBytes && !start_large(kFirstLargeBytes)) return false;
    if (large_ && !std::exchange(large_->is_admitted, true)) aside_.release();
    return true;
}

std::size_t ReceiveBuffer::unadmitted_bytes() const {
    if (large_) return large_->is_admitted ? 0 : large_->have;
    return announced_ > 0 ? pending_bytes_ + view_.size() : 0;
}

/// With `room` for it to begin with, or as long as it is.
bool ReceiveBuffer::start_large(std::size_t room) {
    Ref<Block> block = pool_->try_take(std::min(announced_, room));
    if (!block) return false;
    large_ = LargeMessage{std::move(block), std::exchange(announced_, 0), view_.size()};
    std::memcpy(large_->block->data(), view_.data(), view_.size());
    view_ = {};
    return true;
}

/// Makes room for more of a message that has filled its block. An announced length costs nothing.
bool ReceiveBuffer::grow_large() {
    const std::size_t capacity = large_->block->capacity();
    if (large_->have < capacity) return true;
    return large_->block->try_grow(std::min(large_->total, 2 * capacity));
}

Result<std::optional<Message>, StreamError> ReceiveBuffer::cut(std::span<const std::byte> bytes,
                                                               Ref<const Block> owner,
                                                               const StreamLimits& limits) {
    const auto header = parse_header(bytes);
    if (!header) {
        header_error_ = header.error();
        return Unexpected{StreamError::Header};
    }
    Ref<const DescriptorSet> descriptors;
    if (header->unix_fds > 0) {
        auto claimed = claim_descriptors(header->unix_fds, limits);
        if (!claimed) return Unexpected{claimed.error()};
        descriptors = std::move(*claimed);
    }
    return std::optional<Message>(std::in_place, *header, bytes, std::move(owner),
                                  std::move(descriptors));
}

Result<Ref<const DescriptorSet>, StreamError> ReceiveBuffer::claim_descriptors(
    std::uint32_t count, const StreamLimits& limits) {
    if (!descriptors_allowed_) return Unexpected{StreamError::DescriptorsNotNegotiated};
    if (count > limits.max_message_descriptors) return Unexpected{StreamError::TooManyDescriptors};
    if (count > descriptors_.size()) return Unexpected{StreamError::DescriptorsMissing};
    const auto end = descriptors_.begin() + static_cast<std::ptrdiff_t>(count);
    std::vector<FileDescriptor> claimed(std::make_move_iterator(descriptors_.begin()),
                                        std::make_move_iterator(end));
    descriptors_.erase(descriptors_.begin(), end);
    return Ref<const DescriptorSet>(make_ref<DescriptorSet>(std::move(claimed)));
}

std::size_t ReceiveBuffer::held_bytes() const {
    return (pending_ ? pending_->capacity() : 0) + (large_ ? large_->have : 0);
}

}  // namespace buzon::bus
