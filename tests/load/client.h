// SPDX-License-Identifier: Apache-2.0
// A peer that costs next to nothing: one blocking socket, one buffer, whole batches per call.
// Invariant: serials count up from 1 and are shared by set-up calls and load.
// Errors: exceptions that say what the bus did; no wait lasts longer than kPatience.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bus/base/file_descriptor.h"
#include "tests/load/messages.h"

namespace buzon::load {

/// Long enough for a bus under valgrind, short enough to notice a hang.
inline constexpr std::chrono::seconds kPatience{20};

/// The bus has closed the connection.
class HungUp : public std::runtime_error {
public:
    HungUp() : std::runtime_error("the bus closed the connection") {}
};

class Client {
public:
    /// Connects to the socket at `path`, authenticates and says Hello.
    explicit Client(const std::string& path);
    /// Authenticates on a connected socket and says no Hello: peer to peer.
    explicit Client(bus::FileDescriptor connected);

    [[nodiscard]] int fd() const { return socket_.get(); }
    [[nodiscard]] const std::string& unique_name() const { return unique_name_; }
    [[nodiscard]] std::uint32_t next_serial() { return ++last_serial_; }
    /// From now on descriptors are received, and closed.
    void expect_descriptors() { expects_descriptors_ = true; }

    /// Sends `message`, with `descriptor` if it is not -1, and waits for the reply, which it
    /// returns. For setting up; an error reply becomes an exception.
    Bytes call(Bytes message, int descriptor = -1);
    void request_name(std::string_view name);
    void add_match(std::string_view rule);

    /// Sends all of `bytes`; the descriptor travels with the first byte.
    void send(std::span<const std::byte> bytes, int descriptor = -1) const;
    /// Sends what the socket takes at once, with `descriptors`, and returns how much that was.
    std::size_t send_some(std::span<const std::byte> bytes,
                          std::span<const int> descriptors = {}) const;

    /// Waits for bytes, once, and gives every message that is complete to `on_message`.
    /// What it is given lives until it returns.
    template <typename Handler>
    void receive(Handler&& on_message) {
        fill();
        while (const auto message = next_message())
            on_message(*message);
    }
    /// As receive(), but takes only what is there, and no more than `most` bytes; false: nothing.
    template <typename Handler>
    bool receive_some(Handler&& on_message, std::size_t most = kAll) {
        if (!fill_at_once(most)) return false;
        while (const auto message = next_message())
            on_message(*message);
        return true;
    }

private:
    static constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

    Client(bus::FileDescriptor connected, bool says_hello);
    void authenticate(std::span<const std::byte> first_message);
    std::optional<Bytes> take_reply(std::uint32_t serial);
    void make_room();
    void fill();
    bool fill_at_once(std::size_t most);
    std::optional<std::size_t> receive_once(std::span<std::byte> room, int flags) const;
    std::size_t receive_any(std::span<std::byte> room) const;
    std::optional<std::span<const std::byte>> next_message();

    bus::FileDescriptor socket_;
    std::string unique_name_;
    std::unique_ptr<std::byte[]> buffer_;  // not a vector: memory is touched as bytes arrive
    std::size_t capacity_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::uint32_t last_serial_ = 0;
    bool expects_descriptors_ = false;
};

/// Clients that one process drives. A lone one is waited for in its recv(), without epoll.
class ClientSet {
public:
    ClientSet(const std::string& path, std::size_t count);

    [[nodiscard]] Client& operator[](std::size_t index) { return *clients_[index]; }
    [[nodiscard]] std::size_t size() const { return clients_.size(); }

    /// Calls `on_ready(index)` for each client that has bytes (the lone one: perhaps not yet).
    template <typename Handler>
    void wait(Handler&& on_ready) {
        if (clients_.size() == 1) return on_ready(std::size_t{0});
        for (const auto index : wait_for_ready())
            on_ready(index);
    }

private:
    std::span<const std::size_t> wait_for_ready();

    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<std::size_t> ready_;
    bus::FileDescriptor epoll_;
};

}  // namespace buzon::load
