// SPDX-License-Identifier: Apache-2.0
// One end of a socket pair over which two processes of ours send each other D-Bus messages, without
// an auth dialogue: they know each other since the fork.
// A message taken is valid until the next is taken. What the other end sends is judged like a
// stranger's bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "bus/base/block_pool.h"
#include "bus/base/file_descriptor.h"
#include "bus/base/result.h"
#include "bus/message.h"
#include "bus/receive_buffer.h"
#include "bus/send_buffer.h"

namespace buzon::broker {

enum class LinkError : std::uint8_t {
    Ended,   // the other end is closed
    Broken,  // the other end does not keep to the protocol, or the socket fails
    Full,    // the other end does not read
};

/// What the process at the other end did: "has ended".
[[nodiscard]] std::string_view describe(LinkError error);

class MessageStream {
public:
    enum class Waiting : std::uint8_t { Never, AsLongAsItTakes };

    /// Of one message, in either direction.
    static constexpr std::size_t kMaxDescriptors = bus::kMaxDescriptorsPerMessage;

    /// `socket` is a connected unix stream socket.
    explicit MessageStream(bus::FileDescriptor socket);
    MessageStream(const MessageStream&) = delete;
    MessageStream& operator=(const MessageStream&) = delete;

    [[nodiscard]] int fd() const { return socket_.get(); }
    [[nodiscard]] bool is_open() const { return static_cast<bool>(socket_); }
    /// The other end reads end of stream behind what it has been sent.
    void finish();
    void close() { socket_.reset(); }

    /// Sends the whole message. After an error part of it may be sent: the stream is over.
    bus::Result<void, LinkError> send(const bus::OutgoingMessage& message, Waiting waiting);

    /// Reads what is there, once. Take all messages afterwards.
    bus::Result<void, LinkError> read();
    /// The next complete message that has been read; nothing where there is none.
    bus::Result<std::optional<bus::Message>, LinkError> take();
    /// The next message, however long that takes.
    bus::Result<bus::Message, LinkError> wait();

private:
    bus::FileDescriptor socket_;
    bus::BlockPool pool_;
    bus::ReadArena arena_;
    bus::ReceiveBuffer input_{arena_, pool_};
};

}  // namespace buzon::broker
