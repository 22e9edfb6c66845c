// SPDX-License-Identifier: Apache-2.0
#include "tests/load/client.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace buzon::load {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{256} * 1024;
constexpr std::size_t kMaxDescriptors = 253;  // of one SCM_RIGHTS message, says the kernel

[[noreturn]] void throw_errno(const char* doing) {
    if (errno == EAGAIN) {
        throw std::runtime_error(
            fmt::format("{}: the bus did nothing for {} s", doing, kPatience.count()));
    }
    throw std::system_error(errno, std::generic_category(), doing);
}

bus::FileDescriptor connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw std::runtime_error("socket path too long");
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    bus::FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) throw_errno("socket");
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
        throw_errno("connect");
    }
    return socket;
}

void limit_waits(int socket) {
    const timeval patience{.tv_sec = kPatience.count(), .tv_usec = 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

Bytes to_bytes(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

void close_descriptors(msghdr& header) {
    for (auto* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        for (std::size_t at = 0; at + CMSG_LEN(0) < part->cmsg_len; at += sizeof(int)) {
            int descriptor = -1;
            std::memcpy(&descriptor, CMSG_DATA(part) + at, sizeof descriptor);
            ::close(descriptor);
        }
    }
}

/// Absent: the socket takes nothing now.
std::optional<std::size_t> send_once(int socket,
                                     std::span<const std::byte> bytes,
                                     std::span<const int> descriptors,
                                     int flags) {
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (!descriptors.empty()) {
        header.msg_control = control.data();
        header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
        auto* rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
        std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
    }
    for (;;) {
        const auto sent = ::sendmsg(socket, &header, MSG_NOSIGNAL | flags);
        if (sent >= 0) return static_cast<std::size_t>(sent);
        if (errno == EINTR) continue;
        // The last: the kernel holds too many descriptors of this user that are under way.
        if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS) return std::nullopt;
        if (errno == EPIPE || errno == ECONNRESET) throw HungUp();
        throw_errno("send");
    }
}

}  // namespace

Client::Client(const std::string& path) : Client(connect_to(path), true) {}

Client::Client(bus::FileDescriptor connected) : Client(std::move(connected), false) {}

Client::Client(bus::FileDescriptor connected, bool says_hello)
    : socket_(std::move(connected)), buffer_(new std::byte[kBufferBytes]), capacity_(kBufferBytes) {
    limit_waits(fd());
    Bytes hello;
    if (says_hello) {
        hello = make_driver_call("Hello");
        set_serial(hello, next_serial());
    }
    authenticate(hello);
    while (says_hello && unique_name_.empty()) {
        if (const auto reply = take_reply(last_serial_)) {
            unique_name_ = header_of(*reply).destination;
        } else {
            fill();
        }
    }
}

void Client::authenticate(std::span<const std::byte> first_message) {
    std::string identity;
    for (const char digit : std::to_string(::geteuid())) {
        identity += fmt::format("{:02x}", static_cast<unsigned>(digit));
    }
    // Everything in one write: nothing here depends on an answer.
    Bytes start(1);  // a NUL comes first
    const auto lines =
        to_bytes(fmt::format("AUTH EXTERNAL {}\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n", identity));
    start.insert(start.end(), lines.begin(), lines.end());
    start.insert(start.end(), first_message.begin(), first_message.end());
    send(start);

    constexpr std::string_view kLastLine = "AGREE_UNIX_FD\r\n";
    for (;;) {
        end_ += receive_any({&buffer_[end_], capacity_ - end_});
        const std::string_view answer(reinterpret_cast<const char*>(&buffer_[0]), end_);
        if (const auto at = answer.find(kLastLine); at != answer.npos) {
            begin_ = at + kLastLine.size();
            return;
        }
        if (answer.starts_with("REJECTED") || answer.starts_with("ERROR")) {
            throw std::runtime_error(fmt::format("authentication failed: {}", answer));
        }
    }
}

Bytes Client::call(Bytes message, int descriptor) {
    const auto serial = next_serial();
    set_serial(message, serial);
    send(message, descriptor);
    for (;;) {
        if (auto reply = take_reply(serial)) return std::move(*reply);
        fill();
    }
}

std::optional<Bytes> Client::take_reply(std::uint32_t serial) {
    while (const auto message = next_message()) {
        if (header_of(*message).reply_serial != serial) continue;
        throw_if_error(*message);
        return Bytes(message->begin(), message->end());
    }
    return std::nullopt;
}

void Client::request_name(std::string_view name) {
    call(make_driver_call("RequestName", "su", [&](bus::WireWriter& body) {
        body.write_string(name);
        body.write_uint32(bus::kNameDoNotQueue);
    }));
}

void Client::add_match(std::string_view rule) {
    call(
        make_driver_call("AddMatch", "s", [&](bus::WireWriter& body) { body.write_string(rule); }));
}

void Client::send(std::span<const std::byte> bytes, int descriptor) const {
    std::span<const int> descriptors(&descriptor, descriptor >= 0 ? 1 : 0);
    while (!bytes.empty()) {
        const auto sent = send_once(fd(), bytes, descriptors, 0);
        if (!sent) throw_errno("send");
        bytes = bytes.subspan(*sent);
        descriptors = {};
    }
}

std::size_t Client::send_some(std::span<const std::byte> bytes,
                              std::span<const int> descriptors) const {
    return send_once(fd(), bytes, descriptors, MSG_DONTWAIT).value_or(0);
}

void Client::make_room() {
    if (begin_ == end_) {
        begin_ = end_ = 0;
        return;
    }
    const std::span<const std::byte> rest(&buffer_[begin_], end_ - begin_);
    const auto wanted = rest.size() < bus::kFixedHeaderBytes
                            ? bus::kFixedHeaderBytes
                            : std::max(size_of_message(rest), rest.size() + 1);
    if (begin_ + wanted <= capacity_) return;
    if (wanted <= capacity_) {
        std::memmove(&buffer_[0], rest.data(), rest.size());
    } else {
        std::unique_ptr<std::byte[]> larger(new std::byte[wanted]);
        std::memcpy(&larger[0], rest.data(), rest.size());
        buffer_ = std::move(larger);
        capacity_ = wanted;
    }
    end_ -= begin_;
    begin_ = 0;
}

void Client::fill() {
    make_room();
    end_ += receive_any({&buffer_[end_], capacity_ - end_});
}

bool Client::fill_at_once(std::size_t most) {
    make_room();
    const std::span room(&buffer_[end_], std::min(most, capacity_ - end_));
    const auto received = receive_once(room, MSG_DONTWAIT);
    end_ += received.value_or(0);
    return received.has_value();
}

std::size_t Client::receive_any(std::span<std::byte> room) const {
    const auto received = receive_once(room, 0);
    if (!received) throw_errno("receive");
    return *received;
}

std::optional<std::size_t> Client::receive_once(std::span<std::byte> room, int flags) const {
    for (;;) {
        alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control;
        iovec part{room.data(), room.size()};
        msghdr header{};
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = expects_descriptors_ ? control.data() : nullptr;
        header.msg_controllen = expects_descriptors_ ? control.size() : 0;
        const auto received = ::recvmsg(fd(), &header, MSG_CMSG_CLOEXEC | flags);
        if (received < 0 && errno == EINTR) continue;
        if (received < 0 && errno == EAGAIN) return std::nullopt;
        if (received == 0 || (received < 0 && errno == ECONNRESET)) throw HungUp();
        if (received < 0) throw_errno("receive");
        if (expects_descriptors_) close_descriptors(header);
        return static_cast<std::size_t>(received);
    }
}

std::optional<std::span<const std::byte>> Client::next_message() {
    const std::span<const std::byte> rest(&buffer_[begin_], end_ - begin_);
    if (rest.size() < bus::kFixedHeaderBytes) return std::nullopt;
    const auto size = size_of_message(rest);
    if (rest.size() < size) return std::nullopt;
    begin_ += size;
    return rest.first(size);
}

ClientSet::ClientSet(const std::string& path, std::size_t count)
    : ready_(count), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) throw_errno("epoll_create1");
    for (std::size_t i = 0; i < count; ++i) {
        clients_.push_back(std::make_unique<Client>(path));
        epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
        if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, clients_[i]->fd(), &event) < 0) {
            throw_errno("epoll_ctl");
        }
    }
}

std::span<const std::size_t> ClientSet::wait_for_ready() {
    constexpr auto kPatienceMs = static_cast<int>(std::chrono::milliseconds(kPatience).count());
    std::array<epoll_event, 128> events{};
    const auto most = static_cast<int>(std::min(events.size(), ready_.size()));
    int count = -1;
    do {
        count = ::epoll_wait(epoll_.get(), events.data(), most, kPatienceMs);
    } while (count < 0 && errno == EINTR);
    if (count == 0) errno = EAGAIN;
    if (count <= 0) throw_errno("wait");
    const auto ready = std::span(ready_).first(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < ready.size(); ++i)
        ready[i] = events[i].data.u64;
    return ready;
}

}  // namespace buzon::load
