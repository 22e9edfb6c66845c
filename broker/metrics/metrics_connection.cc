// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/metrics_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "broker/metrics/http_response.h"
#include "broker/metrics/openmetrics_writer.h"

namespace buzon::broker {

namespace {

constexpr std::string_view kPath = "/metrics";

}  // namespace

MetricsConnection::MetricsConnection(bus::EventLoop& loop,
                                     bus::FileDescriptor socket,
                                     const MetricsSource& source,
                                     MetricsConnectionOwner& owner)
    : loop_(loop),
      socket_(std::move(socket)),
      source_(source),
      owner_(owner),
      deadline_(loop, [this] { end(); }) {
    const auto added = loop_.add(socket_.get(), EPOLLIN, *this);
    if (!added) throw std::system_error(added.error(), std::system_category(), "epoll_ctl");
    deadline_.arm(loop_.now() + kDeadline);
}

MetricsConnection::~MetricsConnection() {
    if (socket_) loop_.remove(socket_.get(), *this);
}

void MetricsConnection::on_ready(std::uint32_t events) {
    if (!socket_) return;
    if (events & EPOLLOUT) {
        write();
    } else if (events & EPOLLIN) {
        read();
    } else {
        end();  // it has hung up
    }
}

void MetricsConnection::read() {
    std::array<char, kMaxRequestBytes> bytes{};
    const ssize_t size = ::recv(socket_.get(), bytes.data(), kMaxRequestBytes - input_.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) return end();
    input_.append(bytes.data(), static_cast<std::size_t>(size));
    const auto request = parse_http_request(input_);
    if (request) return answer(*request);
    if (request.error() != HttpError::Incomplete)
        send(format_refusal(HttpMethod::Other, status_of(request.error())));
}

void MetricsConnection::answer(const HttpRequest& request) {
    method_ = request.method;
    if (method_ == HttpMethod::Other)
        return send(format_refusal(method_, HttpStatus::MethodNotAllowed));
    if (request.path != kPath) return send(format_refusal(method_, HttpStatus::NotFound));
    watch_for(0);
    report_ = source_.begin_report();
    run_task();
}

void MetricsConnection::run_task() {
    if (!report_->advance()) return loop_.in_next_turn(*this);
    const auto report = std::move(report_);
    send(format_response(method_, HttpStatus::Ok, kOpenMetricsType, report->text()));
}

void MetricsConnection::send(std::string text) {
    output_ = std::move(text);
    write();
}

void MetricsConnection::write() {
    const ssize_t size =
        ::send(socket_.get(), output_.data() + sent_, output_.size() - sent_, MSG_NOSIGNAL);
    if (size < 0 && errno != EAGAIN && errno != EINTR) return end();
    if (size > 0) sent_ += static_cast<std::size_t>(size);
    if (sent_ < output_.size()) return watch_for(EPOLLOUT);
    // A socket that is closed with something unread in it is an error for the other side.
    std::array<char, kMaxRequestBytes> rest{};
    (void)!::recv(socket_.get(), rest.data(), rest.size(), 0);
    end();
}

void MetricsConnection::watch_for(std::uint32_t events) {
    (void)loop_.modify(socket_.get(), events, *this);
}

void MetricsConnection::end() {
    if (!socket_) return;
    unlink();
    deadline_.disarm();
    loop_.remove(socket_.get(), *this);
    socket_.reset();
    owner_.on_over(*this);
}

}  // namespace buzon::broker
