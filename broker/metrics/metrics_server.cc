// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/metrics_server.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

#include "bus/peer_credentials.h"

namespace buzon::broker {

namespace {

constexpr int kAcceptsPerTurn = 32;
// Where even the reserve is of no use: the system has none left.
constexpr auto kRetryInterval = std::chrono::milliseconds(100);

constexpr bus::LogKind kRefusals("refused readers of metrics");
constexpr bus::LogKind kAcceptErrors("accept errors");

}  // namespace

class MetricsServer::ListeningSocket final : public bus::EventSource {
public:
    ListeningSocket(MetricsServer& server, bus::FileDescriptor socket)
        : server_(server), socket_(std::move(socket)) {
        const auto added = server_.loop_.add(socket_.get(), EPOLLIN, *this);
        if (!added) throw std::system_error(added.error(), std::system_category(), "epoll_ctl");
    }
    ListeningSocket(const ListeningSocket&) = delete;
    ListeningSocket& operator=(const ListeningSocket&) = delete;
    ListeningSocket(ListeningSocket&&) = delete;
    ListeningSocket& operator=(ListeningSocket&&) = delete;
    ~ListeningSocket() override { server_.loop_.remove(socket_.get(), *this); }

    void on_ready(std::uint32_t) override { server_.accept_from(*this); }
    [[nodiscard]] const bus::FileDescriptor& socket() const { return socket_; }
    void watch_for(std::uint32_t events) {
        (void)server_.loop_.modify(socket_.get(), events, *this);
    }

private:
    MetricsServer& server_;
    bus::FileDescriptor socket_;
};

MetricsServer::MetricsServer(bus::EventLoop& loop, bus::Log& log, const MetricsSource& source)
    : loop_(loop), log_(log), source_(source), retry_(loop, [this] { resume(); }) {}

MetricsServer::~MetricsServer() = default;

void MetricsServer::add_listener(bus::FileDescriptor socket) {
    listening_.push_back(std::make_unique<ListeningSocket>(*this, std::move(socket)));
    fill_reserve();
}

void MetricsServer::accept_from(const ListeningSocket& listening) {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
        auto socket = accept_one(listening.socket().get());
        if (!socket) {
            if (errno == EMFILE || errno == ENFILE) pause(errno);
            break;
        }
        take_in(std::move(socket));
    }
    fill_reserve();
}

/// Errors: none, with errno set.
bus::FileDescriptor MetricsServer::accept_one(int listening) {
    // Nobody takes its number meanwhile: there is one thread.
    if (!reserve_.empty()) reserve_.pop_back();
    return bus::FileDescriptor(
        ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

void MetricsServer::take_in(bus::FileDescriptor socket) {
    const auto user = bus::read_peer_user(socket.get());
    if (!source_.may_read(user)) {
        log_.warning(kRefusals, "Reader of metrics refused (uid={}): not root and not the owner",
                     user ? std::int64_t{*user} : std::int64_t{-1});
        return;
    }
    try {
        connections_.push_back(std::make_unique<MetricsConnection>(
            loop_, std::move(socket), source_, static_cast<MetricsConnectionOwner&>(*this)));
    } catch (const std::system_error& error) {
        log_.warning(kAcceptErrors, "Can't serve a reader of metrics: {}", error.what());
    }
    if (connections_.size() > kMaxConnections) connections_.front()->end();
}

void MetricsServer::on_over(MetricsConnection& connection) {
    const auto found =
        std::ranges::find(connections_, &connection, &std::unique_ptr<MetricsConnection>::get);
    loop_.dispose_later(std::move(*found));
    connections_.erase(found);
    // Before anybody else takes what has become free.
    fill_reserve();
}

void MetricsServer::fill_reserve() {
    while (connections_.size() + reserve_.size() <= kMaxConnections) {
        auto descriptor = listening_.front()->socket().duplicate();
        if (!descriptor) return;
        reserve_.push_back(std::move(descriptor));
    }
}

void MetricsServer::pause(int error) {
    log_.warning(kAcceptErrors, "Can't accept a reader of metrics: {}", std::strerror(error));
    for (const auto& listening : listening_)
        listening->watch_for(0);
    retry_.arm(loop_.now() + kRetryInterval);
}

void MetricsServer::resume() {
    for (const auto& listening : listening_)
        listening->watch_for(EPOLLIN);
}

}  // namespace buzon::broker
