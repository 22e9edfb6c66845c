// SPDX-License-Identifier: Apache-2.0
#include "broker/peer.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <span>
#include <system_error>
#include <variant>

#include <fmt/format.h>

#include "broker/log_text.h"
#include "bus/body_check.h"

namespace buzon::broker {

namespace {

// What a read costs, and a message, besides its bytes.
constexpr std::size_t kCostPerRead = 1024;
constexpr std::size_t kCostPerMessage = 256;
// Bodies from here on are checked in pieces of this size.
constexpr std::size_t kPieceBytes = std::size_t{256} << 10;

/// In nanoseconds, on the clock of /proc.
std::uint64_t time_since_boot() {
    timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace

Peer::Peer(const PeerEnvironment& environment,
           bus::FileDescriptor socket,
           bus::PeerCredentials credentials,
           std::unique_ptr<bus::AuthServer> auth)
    : TurnTaker(&environment.turns.root()),
      environment_(environment),
      socket_(std::move(socket)),
      credentials_(std::move(credentials)),
      auth_(std::move(auth)),
      input_(environment.arena, environment.pool),
      account_(bus::make_ref<InFlight>(static_cast<InFlightListener*>(this))),
      port_(environment.loop, environment.pool, socket_.get(), *this),
      interest_(EPOLLIN) {
    const auto added = environment_.loop.add(socket_.get(), interest_, *this);
    if (!added) throw std::system_error(added.error(), std::system_category(), "epoll_ctl");
    if (credentials_.pidfd) {
        std::vector<bus::FileDescriptor> one;
        one.push_back(std::move(credentials_.pidfd));
        process_descriptor_ = bus::make_ref<bus::DescriptorSet>(std::move(one));
    }
    if (credentials_.pid) {
        process_name_ = bus::make_ref<ProcessName>(*credentials_.pid, process_descriptor_);
        if (!process_descriptor_) process_name_->connected_at = time_since_boot();
    }
    auth_timer_ = std::make_unique<bus::Timer>(environment_.loop, [this] {
        environment_.handler.on_violation(
            *this, fmt::format("Connection has not authenticated soon enough, closing it "
                               "(auth_timeout={}ms)",
                               environment_.limits.auth_timeout.count()));
    });
    auth_timer_->arm(environment_.loop.now() + environment_.limits.auth_timeout);
}

Peer::~Peer() {
    account_->detach();
    if (!is_retired()) environment_.loop.remove(socket_.get(), *this);
}

std::string_view Peer::unique_name() const {
    return id_name_ ? id_name_->view() : std::string_view(":not.active.yet");
}

void Peer::become_active(PeerId id) {
    id_name_.emplace(id);
    id_ = id;
    stage_ = Stage::Active;
    auth_timer_.reset();
}

void Peer::retire() {
    if (is_retired()) return;
    stage_ = Stage::Retired;
    port_.flush();
    account_->detach();
    // Perhaps it is one of these that has called us: it must outlive its callback.
    if (auth_timer_) auth_timer_->disarm();
    if (descriptors_timer_) descriptors_timer_->disarm();
    FairTurns::leave(*this);
    port_.unlink();
    environment_.loop.remove(socket_.get(), *this);
}

void Peer::on_ready(std::uint32_t events) {
    if (events & EPOLLOUT) port_.flush();
    if (paused_ && (events & (EPOLLHUP | EPOLLERR))) {
        // What is left in its socket is bounded: better to go over its limit by that than to keep
        // its names until its receivers have caught up.
        hung_up_ = true;
        resume();
    }
    if (is_retired() || paused_) return;
    if (events & ~std::uint32_t{EPOLLOUT}) {
        readable_ = true;
        environment_.turns.wait(*this);
    }
}

TurnTaker::Turn Peer::take_turn(std::size_t budget) {
    turn_budget_ = budget;
    turn_cost_ = kCostPerRead;
    if (socket_error_ != 0) {
        environment_.handler.on_violation(
            *this,
            fmt::format("its socket failed: {}", std::system_category().message(socket_error_)));
    } else if (!paused_ && has_backlog_) {
        has_backlog_ = false;
        input_.unpark();
        process();
    } else if (!paused_ && readable_) {
        readable_ = false;
        read();
    }
    return {turn_cost_, has_work() ? Left::More : Left::Nothing};
}

bool Peer::has_work() const {
    if (is_retired()) return false;
    return socket_error_ != 0 || (!paused_ && (has_backlog_ || readable_));
}

void Peer::read() {
    const auto status = input_.fill(socket_.get(), stream_limits());
    if (!status || *status == bus::ReadStatus::EndOfStream) {
        environment_.handler.on_hang_up(*this);
    } else if (*status == bus::ReadStatus::Data) {
        process();
    }
}

void Peer::process() {
    if (auth_) authenticate();
    if (!auth_) take_messages();
    input_.park();
    if (!is_retired()) watch_deadlines();
}

void Peer::authenticate() {
    if (const auto error = input_.descriptor_error(stream_limits())) {
        environment_.handler.on_violation(*this, describe_stream_error(*error));
        return;
    }
    const bus::AuthServerProgress progress = auth_->feed(input_.unread());
    input_.consume(progress.consumed);
    if (!progress.output.empty()) port_.push_bytes(std::as_bytes(std::span(progress.output)));
    if (const auto* error = std::get_if<bus::AuthServerError>(&progress.state)) {
        port_.flush();
        if (!is_retired())
            environment_.handler.on_violation(
                *this, fmt::format("failed to authenticate: {}", bus::describe(*error)));
    } else if (const auto* begin = std::get_if<bus::AuthBegin>(&progress.state)) {
        user_ = begin->uid;
        accepts_descriptors_ = begin->unix_fds;
        input_.allow_descriptors(begin->unix_fds);
        stage_ = Stage::Nameless;
        auth_.reset();
        environment_.handler.on_authenticated(*this);
    }
}

void Peer::take_messages() {
    while (!is_retired() && !paused_) {
        if (turn_cost_ > turn_budget_) {
            has_backlog_ = true;
            return;
        }
        if (!take_message()) return;
        if (!is_retired() && is_over_in_flight_limit()) pause();
    }
}

bus::StreamLimits Peer::stream_limits() const {
    return {std::min<std::size_t>(environment_.limits.max_message_size, bus::kMaxMessageBytes),
            std::min<std::size_t>(environment_.limits.max_message_unix_fds,
                                  bus::kMaxDescriptorsPerMessage)};
}

bool Peer::take_message() {
    if (long_message_) return check_on();
    auto message = input_.next(stream_limits());
    if (!message) {
        environment_.handler.on_violation(*this, describe_stream_error(message.error()));
        return false;
    }
    if (!*message) return false;
    if ((*message)->body().size() > kPieceBytes) {
        long_message_ = std::make_unique<LongMessage>(std::move(**message));
        return check_on();
    }
    const bus::Header& header = (*message)->header();
    const auto checked = bus::check_body(header.signature, (*message)->body(), header.order);
    if (!checked) return refuse_body(**message, checked.error());
    turn_cost_ += (*message)->size();
    accept(**message);
    return true;
}

Peer::LongMessage::LongMessage(bus::Message whole)
    : message(std::move(whole)),
      check(message.header().signature, message.body(), message.header().order) {}

bool Peer::check_on() {
    turn_cost_ += kPieceBytes;
    const bus::BodyProgress progress = long_message_->check.advance(kPieceBytes);
    if (progress == bus::BodyProgress::Unfinished) return true;
    const auto done = std::move(long_message_);
    if (progress == bus::BodyProgress::Invalid)
        return refuse_body(done->message, done->check.error());
    accept(done->message);
    return true;
}

void Peer::accept(const bus::Message& message) {
    turn_cost_ += kCostPerMessage;
    environment_.handler.on_message(*this, message);
}

bool Peer::refuse_body(const bus::Message& message, bus::BodyError error) {
    environment_.handler.on_violation(*this,
                                      fmt::format("message with serial {} has an invalid body: {}",
                                                  message.header().serial, bus::describe(error)));
    return false;
}

bool Peer::is_over_in_flight_limit() const {
    if (hung_up_) return false;
    return account_->bytes() > environment_.limits.max_incoming_bytes ||
           account_->descriptors() > environment_.limits.max_incoming_unix_fds;
}

/// Stops reading until receivers have taken what this peer has sent them.
void Peer::pause() {
    paused_ = true;
    update_interest();
}

void Peer::on_in_flight_released() {
    if (!paused_ || is_retired() || is_over_in_flight_limit()) return;
    resume();
}

void Peer::resume() {
    paused_ = false;
    has_backlog_ = true;
    update_interest();
    environment_.turns.wait(*this);
}

/// Descriptors whose message does not come are not kept for ever.
void Peer::watch_deadlines() {
    if (input_.waiting_descriptors() == 0) {
        descriptors_timer_.reset();
        return;
    }
    if (descriptors_timer_) return;
    descriptors_timer_ = std::make_unique<bus::Timer>(environment_.loop, [this] {
        environment_.handler.on_violation(
            *this, fmt::format("sent file descriptors without their message "
                               "(pending_fd_timeout={}ms)",
                               environment_.limits.pending_fd_timeout.count()));
    });
    descriptors_timer_->arm(environment_.loop.now() + environment_.limits.pending_fd_timeout);
}

void Peer::on_port_blocked() {
    write_blocked_ = true;
    update_interest();
}

void Peer::on_port_unblocked() {
    write_blocked_ = false;
    update_interest();
}

void Peer::on_port_failed(int error) {
    port_.close();
    write_blocked_ = false;
    // The other side has closed or is gone: what it sent before is still routed, and the end of the
    // stream comes behind it.
    if (error == EPIPE || error == ECONNRESET) {
        update_interest();
    } else {
        fail_later(error);
    }
}

void Peer::fail_later(int error) {
    if (is_retired() || socket_error_ != 0) return;
    socket_error_ = error;
    environment_.turns.wait(*this);
}

void Peer::update_interest() {
    if (is_retired()) return;
    // Edge-triggered while paused: a hang-up, which can't be masked, would wake the loop for ever.
    std::uint32_t interest = paused_ ? std::uint32_t{EPOLLET} : std::uint32_t{EPOLLIN};
    if (write_blocked_) interest |= EPOLLOUT;
    if (interest == interest_) return;
    interest_ = interest;
    const auto modified = environment_.loop.modify(socket_.get(), interest_, *this);
    if (!modified) fail_later(modified.error());
}

std::string Peer::describe_stream_error(bus::StreamError error) const {
    switch (error) {
        case bus::StreamError::Header:
            return fmt::format("sent an invalid message: {}", bus::describe(input_.header_error()));
        case bus::StreamError::TooManyDescriptors:
            return fmt::format("sent too many file descriptors (max_message_unix_fds={})",
                               stream_limits().max_message_descriptors);
        case bus::StreamError::DescriptorsMissing:
            return "sent a message that announces more file descriptors than came with it";
        case bus::StreamError::DescriptorsLost:
            return "sent file descriptors for which the bus had no room left in its own table";
        case bus::StreamError::DescriptorsNotNegotiated:
            return "sent file descriptors without having negotiated them";
        case bus::StreamError::NoMemory: return "sent a message for which the bus has no memory";
    }
    return "sent an invalid message";
}

policy::PeerIdentity Peer::identity() const {
    std::span<const gid_t> groups;
    if (user_) groups = credentials_.groups;
    return {.uid = user_, .gids = groups};
}

std::string Peer::describe() const {
    return LogText().add(credentials_, process_name_).known();
}

}  // namespace buzon::broker
