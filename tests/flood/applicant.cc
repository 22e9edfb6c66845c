// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/applicant.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace buzon::flood {
namespace {

constexpr std::chrono::milliseconds kRetry{5};
constexpr std::string_view kLastLine = "AGREE_UNIX_FD\r\n";

}  // namespace

load::Bytes auth_lines() {
    std::string text(1, '\0');
    text += "AUTH EXTERNAL ";
    for (const char digit : std::to_string(::geteuid()))
        text += fmt::format("{:02x}", static_cast<unsigned>(digit));
    text += "\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

Applicant::Applicant(const std::string& socket_path)
    : path_(socket_path),
      socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
      outgoing_(auth_lines()) {
    if (!socket_) state_ = State::Refused;
    auto hello = load::make_driver_call("Hello");
    load::set_serial(hello, 1);
    outgoing_.insert(outgoing_.end(), hello.begin(), hello.end());
}

Applicant::State Applicant::step(std::chrono::milliseconds patience) {
    if (state_ != State::Waiting) return state_;
    if (!connect() || !send()) {
        // A full backlog cannot be polled for.
        if (state_ == State::Waiting) std::this_thread::sleep_for(std::min(patience, kRetry));
        return state_;
    }
    pollfd source{.fd = fd(), .events = POLLIN, .revents = 0};
    if (::poll(&source, 1, static_cast<int>(patience.count())) > 0) read();
    return state_;
}

bool Applicant::connect() {
    if (connected_) return true;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    connected_ = ::connect(fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    if (!connected_ && errno != EAGAIN && errno != EINTR) state_ = State::Refused;
    return connected_;
}

bool Applicant::send() {
    while (sent_ < outgoing_.size()) {
        const auto sent = ::send(fd(), &outgoing_[sent_], outgoing_.size() - sent_, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) state_ = State::Refused;
        if (sent < 0) return false;
        sent_ += static_cast<std::size_t>(sent);
    }
    return true;
}

void Applicant::read() {
    std::array<std::byte, 4096> part{};
    const auto received = ::recv(fd(), part.data(), part.size(), 0);
    if (received < 0 && errno == EAGAIN) return;
    if (received <= 0) {
        state_ = State::Refused;
        return;
    }
    incoming_.insert(incoming_.end(), part.begin(), part.begin() + received);
    state_ = judge();
}

Applicant::State Applicant::judge() const {
    const std::string_view text(reinterpret_cast<const char*>(incoming_.data()), incoming_.size());
    if (text.starts_with("REJECTED") || text.starts_with("ERROR")) return State::Refused;
    const auto lines_end = text.find(kLastLine);
    if (lines_end == text.npos) return State::Waiting;
    const auto rest = std::span(incoming_).subspan(lines_end + kLastLine.size());
    if (rest.size() < bus::kFixedHeaderBytes || rest.size() < load::size_of_message(rest)) {
        return State::Waiting;
    }
    return load::type_of(rest) == bus::MessageType::MethodReturn ? State::In : State::Refused;
}

}  // namespace buzon::flood
