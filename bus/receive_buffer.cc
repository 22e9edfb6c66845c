// SPDX-License-Identifier: Apache-2.0
#include "bus/receive_buffer.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <iterator>

namespace buzon::bus {

namespace {

// SCM_MAX_FD of the kernel: no single sendmsg carries more.
constexpr std::size_t kMaxDescriptorsPerRead = 253;
constexpr std::size_t kControlBytes = CMSG_SPACE(kMaxDescriptorsPerRead * sizeof(int));

}  // namespace

Result<ReadStatus, int> ReceiveBuffer::fill(int fd) {
    const std::span<std::byte> fresh = restore_pending();
    std::array<iovec, 2> parts{};
    std::size_t used = 0;
    if (large_)
        parts[used++] = {large_->block->data() + large_->have, large_->total - large_->have};
    parts[used++] = {fresh.data(), fresh.size()};

    alignas(cmsghdr) std::array<std::byte, kControlBytes> control;
    msghdr header{};
    header.msg_iov = parts.data();
    header.msg_iovlen = used;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t received = ::recvmsg(fd, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (received < 0) {
        if (errno == EAGAIN || errno == EINTR) return ReadStatus::WouldBlock;
        return Unexpected{errno};
    }
    if (header.msg_controllen > 0) keep_descriptors(header);
    // The kernel closes what does not fit into our table of descriptors and says only this. To go
    // on would give the descriptors of one message to another.
    if (header.msg_flags & MSG_CTRUNC) descriptors_lost_ = true;
    if (received == 0) return ReadStatus::EndOfStream;

    auto bytes = static_cast<std::size_t>(received);
    if (large_) {
        const std::size_t part = std::min(bytes, large_->total - large_->have);
        large_->have += part;
        bytes -= part;
    }
    view_ = {view_.data(), view_.size() + bytes};
    return ReadStatus::Data;
}

/// Puts the left-over bytes at the front of the arena and returns the room behind them.
std::span<std::byte> ReceiveBuffer::restore_pending() {
    unpark();
    const std::span<std::byte> arena = arena_->whole();
    if (view_.empty()) view_ = arena.first(0);
    assert(view_.size() <= ReadArena::kReadBytes);
    return arena.subspan(static_cast<std::size_t>(view_.data() - arena.data()) + view_.size(),
                         ReadArena::kReadBytes);
}

void ReceiveBuffer::unpark() {
    if (pending_bytes_ == 0) return;
    const std::span<std::byte> arena = arena_->whole();
    std::memcpy(arena.data(), pending_->data(), pending_bytes_);
    view_ = arena.first(pending_bytes_);
    pending_bytes_ = 0;
    pending_ = nullptr;
}

void ReceiveBuffer::park() {
    if (!view_.empty()) {
        pending_ = pool_->take(view_.size());
        std::memcpy(pending_->data(), view_.data(), view_.size());
        pending_bytes_ = view_.size();
    }
    view_ = {};
}

void ReceiveBuffer::keep_descriptors(const msghdr& header) {
    for (const cmsghdr* part = CMSG_FIRSTHDR(&header); part;
         part = CMSG_NXTHDR(const_cast<msghdr*>(&header), const_cast<cmsghdr*>(part))) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
            descriptors_.emplace_back(fd);
        }
    }
}

std::optional<StreamError> ReceiveBuffer::descriptor_error(const StreamLimits& limits) const {
    if (descriptors_lost_) return StreamError::DescriptorsLost;
    // Before they are negotiated nobody is known well enough to be kept more for than one message.
    const std::size_t most =
        limits.max_message_descriptors + (descriptors_allowed_ ? kMaxDescriptorsPerRead : 0);
    if (descriptors_.size() > most) return StreamError::TooManyDescriptors;
    return std::nullopt;
}

Result<std::optional<Message>, StreamError> ReceiveBuffer::next(const StreamLimits& limits) {
    if (const auto error = descriptor_error(limits)) return Unexpected{*error};
    if (large_) {
        if (large_->have < large_->total) return std::optional<Message>();
        const LargeMessage done = std::move(*large_);
        large_.reset();
        return cut({done.block->data(), done.total}, done.block, limits);
    }
    if (view_.size() < kFixedHeaderBytes) return std::optional<Message>();
    const auto length = message_length(view_, limits.max_message_bytes);
    if (!length) {
        header_error_ = length.error();
        return Unexpected{StreamError::Header};
    }
    if (*length > view_.size()) {
        if (*length >= kLargeMessageBytes) start_large(*length);
        return std::optional<Message>();
    }
    const auto bytes = view_.first(*length);
    view_ = view_.subspan(*length);
    return cut(bytes, nullptr, limits);
}

void ReceiveBuffer::start_large(std::size_t total) {
    large_ = LargeMessage{pool_->take(total), total, view_.size()};
    std::memcpy(large_->block->data(), view_.data(), view_.size());
    view_ = {};
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
