// SPDX-License-Identifier: Apache-2.0
// Input: a byte for the size of the pieces, then the stream. However it is cut, and whether large
// messages are admitted or not, the same messages come out, and the same violation after them.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bus/receive_buffer.h"

namespace {

using namespace buzon::bus;

struct Outcome {
    std::vector<std::string> messages;
    std::optional<StreamError> error;
    bool operator==(const Outcome&) const = default;
};

/// Takes all whole messages. False: the stream is broken.
bool take_all(ReceiveBuffer& buffer, Outcome& outcome) {
    while (true) {
        const auto message = buffer.next({});
        if (!message) {
            outcome.error = message.error();
            return false;
        }
        if (!*message) return true;
        const auto text = [](std::span<const std::byte> bytes) {
            return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        };
        outcome.messages.push_back(text((*message)->head()) + text((*message)->body()));
    }
}

enum class Large : std::uint8_t { Admitted, NotAdmitted };

Outcome receive(std::span<const std::uint8_t> stream, std::size_t piece, Large large) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) < 0)
        std::abort();
    const FileDescriptor ours(ends[0]), theirs(ends[1]);
    BlockPool pool;
    ReadArena arena;
    ReceiveBuffer buffer(arena, pool);
    Outcome outcome;
    while (!stream.empty()) {
        const auto part = stream.first(std::min(piece, stream.size()));
        if (::send(theirs.get(), part.data(), part.size(), 0) != static_cast<ssize_t>(part.size()))
            std::abort();
        stream = stream.subspan(part.size());
        while (buffer.fill(ours.get(), {}).value_or(ReadStatus::EndOfStream) == ReadStatus::Data) {
            const bool goes_on = take_all(buffer, outcome);
            if (large == Large::Admitted && !buffer.admit_large()) std::abort();
            buffer.park();
            if (!goes_on) return outcome;
        }
    }
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size > 100'000) return 0;
    const std::span stream(data + 1, size - 1);
    const Outcome whole = receive(stream, 60'000, Large::NotAdmitted);
    assert(receive(stream, std::size_t{data[0]} + 1, Large::NotAdmitted) == whole);
    assert(receive(stream, std::size_t{data[0]} + 1, Large::Admitted) == whole);
    return 0;
}
