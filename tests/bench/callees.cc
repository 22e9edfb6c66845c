// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/callees.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "bus/base/file_descriptor.h"
#include "tests/load/client.h"

namespace buzon::bench {
namespace {

class Callee {
public:
    void answer(load::Client& client) {
        replies_.clear();
        client.receive([&](std::span<const std::byte> message) {
            if (load::type_of(message) == bus::MessageType::MethodCall) add_reply(client, message);
        });
        client.send(replies_);
    }

private:
    void add_reply(load::Client& client, std::span<const std::byte> call) {
        // A callee has one caller, so the reply is built once.
        if (reply_.empty()) {
            reply_ = load::make_reply(load::header_of(call).sender);
        }
        load::set_serial(reply_, client.next_serial());
        load::set_reply_serial(reply_, load::serial_of(call));
        replies_.insert(replies_.end(), reply_.begin(), reply_.end());
    }

    load::Bytes reply_;
    load::Bytes replies_;
};

[[noreturn]] void serve(const std::string& socket_path, std::size_t count, int ready) {
    load::ClientSet clients(socket_path, count);
    for (std::size_t i = 0; i < count; ++i) {
        clients[i].expect_descriptors();
        clients[i].request_name(callee_name(i));
    }
    if (::write(ready, "", 1) != 1) throw std::runtime_error("nobody waits for the callees");

    std::vector<Callee> callees(count);
    for (;;)
        clients.wait([&](std::size_t i) { callees[i].answer(clients[i]); });
}

load::ChildProcess start(const std::string& socket_path, std::size_t count) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) < 0) {
        throw std::system_error(errno, std::generic_category(), "pipe2");
    }
    const bus::FileDescriptor ready(ends[0]);
    bus::FileDescriptor ready_of_child(ends[1]);
    auto process =
        load::ChildProcess::fork([&] { serve(socket_path, count, ready_of_child.get()); });
    ready_of_child.reset();

    constexpr auto kPatienceMs =
        static_cast<int>(std::chrono::milliseconds(load::kPatience).count());
    pollfd source{.fd = ready.get(), .events = POLLIN, .revents = 0};
    char byte = 0;
    if (::poll(&source, 1, kPatienceMs) <= 0 || ::read(ready.get(), &byte, 1) != 1) {
        throw std::runtime_error("the callees could not join the bus");
    }
    return process;
}

}  // namespace

std::string callee_name(std::size_t index) {
    return fmt::format("org.buzon.Bench.Callee{}", index);
}

Callees::Callees(const std::string& socket_path, std::size_t count)
    : process_(start(socket_path, count)) {}

}  // namespace buzon::bench
