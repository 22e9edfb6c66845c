// SPDX-License-Identifier: Apache-2.0
#include "broker/listener.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>

namespace buzon::broker {

namespace {

constexpr int kAcceptsPerTurn = 32;
// After running out of descriptors: somebody may have closed one meanwhile.
constexpr auto kRetryInterval = std::chrono::milliseconds(100);

}  // namespace

Listener::Listener(bus::EventLoop& loop,
                   bus::Log& log,
                   bus::FileDescriptor socket,
                   const bus::Guid& guid,
                   ListenerHandler& handler)
    : loop_(loop),
      log_(log),
      socket_(std::move(socket)),
      guid_(guid),
      handler_(handler),
      retry_(loop, [this] { resume(); }) {
    const auto added = loop_.add(socket_.get(), EPOLLIN, *this);
    if (!added) throw std::system_error(added.error(), std::system_category(), "epoll_ctl");
}

Listener::~Listener() {
    loop_.remove(socket_.get(), *this);
}

void Listener::on_ready(std::uint32_t) {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
        bus::FileDescriptor accepted(
            ::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!accepted) {
            on_accept_error(errno);
            return;
        }
        handler_.on_accept(*this, std::move(accepted));
    }
}

void Listener::on_accept_error(int error) {
    // A client that gave up meanwhile is no reason to do anything.
    if (error == EAGAIN || error == EINTR || error == ECONNABORTED) return;
    log_.warning(bus::LogKind{"accept errors"},
                 "Can't accept a connection: {}. New connections wait until descriptors are free.",
                 std::strerror(error));
    pause();
    retry_.arm(loop_.now() + kRetryInterval);
}

void Listener::pause() {
    if (paused_) return;
    paused_ = true;
    if (!loop_.modify(socket_.get(), 0, *this)) paused_ = false;
}

void Listener::resume() {
    if (!paused_) return;
    paused_ = false;
    if (!loop_.modify(socket_.get(), EPOLLIN, *this)) retry_.arm(loop_.now() + kRetryInterval);
}

}  // namespace buzon::broker
