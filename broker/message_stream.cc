// SPDX-License-Identifier: Apache-2.0
#include "broker/message_stream.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>

namespace buzon::broker {

namespace {

constexpr std::size_t kMaxDescriptors = MessageStream::kMaxDescriptors;
constexpr bus::StreamLimits kLimits{.max_message_bytes = bus::kMaxMessageBytes,
                                    .max_message_descriptors = kMaxDescriptors};

void wait_until(int fd, short events) {
    pollfd descriptor{fd, events, 0};
    // Whatever ends the wait, the next call on the socket says what there is to know.
    (void)::poll(&descriptor, 1, -1);
}

/// The descriptors of one message as the kernel takes them.
class ControlData {
public:
    ControlData(const bus::OutgoingMessage& message, msghdr& header) {
        const std::size_t count = message.descriptor_count();
        assert(count <= kMaxDescriptors);
        if (count == 0) return;
        header.msg_control = bytes_.data();
        header.msg_controllen = CMSG_SPACE(count * sizeof(int));
        cmsghdr* const part = CMSG_FIRSTHDR(&header);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(count * sizeof(int));
        for (std::size_t i = 0; i < count; ++i) {
            const int fd = message.descriptors->descriptors[i].get();
            std::memcpy(CMSG_DATA(part) + i * sizeof(int), &fd, sizeof fd);
        }
    }

private:
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMaxDescriptors * sizeof(int))> bytes_{};
};

iovec as_part(std::span<const std::byte> bytes) {
    return {const_cast<std::byte*>(bytes.data()), bytes.size()};
}

LinkError error_of_errno() {
    if (errno == EAGAIN) return LinkError::Full;
    return errno == EPIPE || errno == ECONNRESET ? LinkError::Ended : LinkError::Broken;
}

}  // namespace

std::string_view describe(LinkError error) {
    switch (error) {
        case LinkError::Ended: return "has ended";
        case LinkError::Broken: return "does not keep to the protocol";
        case LinkError::Full: return "does not read";
    }
    return "unknown error";
}

MessageStream::MessageStream(bus::FileDescriptor socket) : socket_(std::move(socket)) {
    input_.allow_descriptors(true);
}

void MessageStream::finish() {
    ::shutdown(socket_.get(), SHUT_WR);
}

bus::Result<void, LinkError> MessageStream::send(const bus::OutgoingMessage& message,
                                                 Waiting waiting) {
    std::span<const std::byte> head = message.head;
    std::span<const std::byte> body = message.body;
    bool descriptors_sent = false;
    while (!head.empty() || !body.empty()) {
        std::array<iovec, 2> parts{as_part(head), as_part(body)};
        msghdr header{};
        header.msg_iov = parts.data();
        header.msg_iovlen = parts.size();
        std::optional<ControlData> control;
        if (!descriptors_sent) control.emplace(message, header);
        const ssize_t sent = ::sendmsg(socket_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno == EAGAIN && waiting == Waiting::AsLongAsItTakes) {
            wait_until(socket_.get(), POLLOUT);
            continue;
        }
        if (sent < 0) return bus::Unexpected{error_of_errno()};
        descriptors_sent = true;
        const auto count = static_cast<std::size_t>(sent);
        const std::size_t of_head = std::min(head.size(), count);
        head = head.subspan(of_head);
        body = body.subspan(count - of_head);
    }
    return {};
}

bus::Result<void, LinkError> MessageStream::read() {
    input_.park();
    const auto status = input_.fill(socket_.get(), kLimits);
    if (!status) {
        return bus::Unexpected{status.error() == ECONNRESET ? LinkError::Ended : LinkError::Broken};
    }
    if (*status == bus::ReadStatus::EndOfStream) return bus::Unexpected{LinkError::Ended};
    return {};
}

bus::Result<std::optional<bus::Message>, LinkError> MessageStream::take() {
    auto message = input_.next(kLimits);
    if (!message) return bus::Unexpected{LinkError::Broken};
    return std::move(*message);
}

bus::Result<bus::Message, LinkError> MessageStream::wait() {
    for (;;) {
        auto message = take();
        if (!message) return bus::Unexpected{message.error()};
        if (*message) return *std::move(*message);
        wait_until(socket_.get(), POLLIN);
        if (auto done = read(); !done) return bus::Unexpected{done.error()};
    }
}

}  // namespace buzon::broker
