// SPDX-License-Identifier: Apache-2.0
#include "broker/peer_input.h"

#include <algorithm>
#include <system_error>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "broker/quota/overdraft.h"
#include "bus/send_buffer.h"

namespace buzon::broker {

namespace {

// What a read costs, and a message, besides its bytes; and the end, with all that is closed then.
constexpr std::size_t kCostPerRead = 1024;
constexpr std::size_t kCostOfEnd = 16 * 1024;
constexpr std::size_t kCostPerMessage = 256;
// Of a message that has come in part, what is not charged.
constexpr std::size_t kFreeBytes = 4096;
// By which a message may become longer when its sender is stamped.
constexpr std::size_t kStampedBytes = 1024;
// Bodies from here on are checked in pieces of this size.
constexpr std::size_t kPieceBytes = std::size_t{256} << 10;

}  // namespace

PeerInput::PeerInput(const InputEnvironment& environment,
                     OpenAccount& account,
                     int socket,
                     std::unique_ptr<bus::AuthServer> auth,
                     PeerInputOwner& owner)
    : TurnTaker(&account.turns()),
      environment_(environment),
      owner_(owner),
      socket_(socket),
      auth_(std::move(auth)),
      buffer_(environment.arena, environment.pool),
      payer_(account.payer()),
      user_(*account.account().parent()->parent()) {
    auth_timer_ = std::make_unique<bus::Timer>(environment_.loop, [this] {
        end_later(
            fmt::format("Connection has not authenticated soon enough, closing it "
                        "(auth_timeout={}ms)",
                        environment_.limits.auth_timeout.count()));
    });
    auth_timer_->arm(environment_.loop.now() + environment_.limits.auth_timeout);
}

void PeerInput::on_readable() {
    if (stopped_ || !is_open()) return;
    readable_ = true;
    environment_.turns.wait(*this);
}

void PeerInput::on_hang_up() {
    hung_up_ = true;
    hung_up_at_ = environment_.loop.now();
    readable_ = true;
    open(Gate::InFlight);
    if (!stopped_ && is_open()) environment_.turns.wait(*this);
}

void PeerInput::end_later(std::string reason) {
    if (stopped_ || is_ending()) return;
    end_reason_ = std::move(reason);
    environment_.turns.wait(*this);
}

void PeerInput::fail(int error) {
    end_later(fmt::format("its socket failed: {}", std::system_category().message(error)));
}

void PeerInput::stop() {
    stopped_ = true;
    // Perhaps it is one of these that has called us: it must outlive its callback.
    for (const auto* timer : {&auth_timer_, &descriptors_timer_, &half_message_timer_})
        if (*timer) (*timer)->disarm();
    CookieWaiter::unlink();
    FairTurns::leave(*this);
}

void PeerInput::close(Gate gate) {
    if (stopped_ || (hung_up_ && gate == Gate::InFlight)) return;
    const bool was_open = is_open();
    closed_gates_ |= static_cast<std::uint8_t>(gate);
    if (!was_open) return;
    half_message_.pause(environment_.loop.now());
    owner_.on_gate();
}

void PeerInput::open(Gate gate) {
    if (stopped_ || !is_closed(gate)) return;
    closed_gates_ &= static_cast<std::uint8_t>(~static_cast<std::uint8_t>(gate));
    if (!is_open()) return;
    half_message_.resume(environment_.loop.now());
    has_backlog_ = true;
    owner_.on_gate();
    environment_.turns.wait(*this);
}

TurnTaker::Turn PeerInput::take_turn(std::size_t budget) {
    turn_budget_ = budget;
    // There may be some already: of work that was done for it outside its turns.
    turn_cost_ += kCostPerRead;
    if (is_ending()) {
        turn_cost_ += kCostOfEnd;
        owner_.on_violation(end_reason_);
    } else if (is_open() && has_backlog_) {
        has_backlog_ = false;
        buffer_.unpark();
        process();
    } else if (is_open() && readable_) {
        readable_ = false;
        read();
    }
    read_last_words();
    return {std::exchange(turn_cost_, 0), has_work() ? Left::More : Left::Nothing};
}

bool PeerInput::has_work() const {
    if (stopped_) return false;
    return is_ending() || (is_open() && (has_backlog_ || readable_));
}

void PeerInput::read() {
    const std::size_t before = buffer_.large_bytes();
    const auto status = buffer_.fill(socket_, stream_limits());
    // Other messages are paid for when they are taken; one like this may never come whole.
    turn_cost_ += buffer_.large_bytes() - std::min(before, buffer_.large_bytes());
    if (!status || *status == bus::ReadStatus::EndOfStream) {
        turn_cost_ += kCostOfEnd;
        owner_.on_hang_up();
    } else if (*status == bus::ReadStatus::Data) {
        process();
    }
}

void PeerInput::process() {
    if (auth_) authenticate();
    if (!auth_) take_messages();
    if (!stopped_ && is_open() && !has_backlog_) reserve();
    buffer_.park(reserved_.amount());
    if (stopped_) return;
    reserve_descriptors();
    if (stopped_) return;
    watch_deadlines();
}

/// A long message is charged as a whole before it is read on, so that those whose messages have
/// come in part never wait for each other's room. Whoever has hung up does not wait.
void PeerInput::reserve() {
    const std::size_t wanted = buffer_.wanted_bytes();
    const std::size_t free = std::min(kFreeBytes, environment_.arena.read_bytes());
    if (wanted > free && wanted > reserved_.amount()) {
        const std::size_t more = wanted - reserved_.amount();
        auto taken = Charge::take(payer_, Resource::Bytes, more);
        if (!taken && may_overdraw(payer_->account(), taken.error()))
            taken = Charge::force(payer_, Resource::Bytes, more);
        if (!taken) {
            if (!hung_up_) owner_.on_no_room(wanted);
            return;
        }
        if (!reserved_.absorb(*taken)) reserved_ = std::move(*taken);
    }
    if (!buffer_.admit_large())
        owner_.on_violation(describe_stream_error(bus::StreamError::NoMemory));
}

/// It has hung up, and nobody pays for the long message that has come of it.
bool PeerInput::is_beyond_room() const {
    return hung_up_ && reserved_.amount() == 0 && (long_message_ || buffer_.unadmitted_bytes() > 0);
}

/// Such a message is not kept until the next turn: there may be thousands of them. Either the rest
/// is in the socket, which bounds it, or the end is.
void PeerInput::read_last_words() {
    for (std::size_t before = 0; !stopped_ && is_open() && is_beyond_room();) {
        const std::size_t held = buffer_.unadmitted_bytes();
        if (held <= before) return;
        before = held;
        turn_cost_ += kCostPerRead;
        read();
    }
}

std::size_t PeerInput::unfinished_descriptors() const {
    const auto* const claimed =
        long_message_ ? long_message_->message.descriptors().get() : nullptr;
    return buffer_.waiting_descriptors() + (claimed ? claimed->descriptors.size() : 0);
}

/// They have come already, and nothing makes room but the rest of their message. So they may exceed
/// the share of those who send too many, by those of a message or two for each connection.
void PeerInput::reserve_descriptors() {
    const std::uint64_t count = unfinished_descriptors();
    const std::uint64_t reserved = reserved_descriptors_.amount();
    if (count == reserved) return;
    if (count < reserved) return reserved_descriptors_.shrink(reserved - count);
    const std::uint64_t added = count - reserved;
    auto taken = Charge::take(payer_, Resource::Descriptors, added);
    if (!taken) {
        if (!may_overdraw_descriptors(payer_->account(), added)) {
            owner_.on_violation(fmt::format(
                "sent file descriptors without their message while its program may have no more: "
                "{}",
                describe(taken.error())));
            return;
        }
        taken = Charge::force(payer_, Resource::Descriptors, added);
    }
    if (!reserved_descriptors_.absorb(*taken)) reserved_descriptors_ = std::move(*taken);
}

void PeerInput::authenticate() {
    if (const auto error = buffer_.descriptor_error(stream_limits())) {
        owner_.on_violation(describe_stream_error(*error));
        return;
    }
    if (auth_->awaits_cookie()) return;
    const bus::AuthServerProgress progress = auth_->feed(buffer_.unread());
    buffer_.consume(progress.consumed);
    if (progress.consumed > 0) reserved_.release();
    follow(progress);
}

void PeerInput::follow(const bus::AuthServerProgress& progress) {
    if (!progress.output.empty()) owner_.on_auth_output(std::as_bytes(std::span(progress.output)));
    if (const auto* error = std::get_if<bus::AuthServerError>(&progress.state)) {
        owner_.on_violation(fmt::format("failed to authenticate: {}", bus::describe(*error)));
    } else if (const auto* begin = std::get_if<bus::AuthBegin>(&progress.state)) {
        buffer_.allow_descriptors(begin->unix_fds);
        auth_.reset();
        owner_.on_auth_begin(*begin);
    } else if (auth_->awaits_cookie()) {
        close(Gate::Cookie);
        if (environment_.cookies) {
            environment_.cookies->ask(*this);
        } else {
            on_cookie(std::nullopt);
        }
    }
}

void PeerInput::on_cookie(const std::optional<bus::AuthCookie>& cookie) {
    follow(auth_->supply_cookie(cookie));
    open(Gate::Cookie);
}

void PeerInput::take_messages() {
    while (!stopped_ && is_open()) {
        if (turn_cost_ > turn_budget_ && !is_beyond_room()) {
            has_backlog_ = true;
            return;
        }
        if (!take_message()) return;
    }
}

bool PeerInput::take_message() {
    if (long_message_) return check_on();
    auto message = buffer_.next(stream_limits());
    if (!message) {
        owner_.on_violation(describe_stream_error(message.error()));
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

PeerInput::LongMessage::LongMessage(bus::Message whole)
    : message(std::move(whole)),
      check(message.header().signature, message.body(), message.header().order) {}

bool PeerInput::check_on() {
    turn_cost_ += kPieceBytes;
    const bus::BodyProgress progress = long_message_->check.advance(kPieceBytes);
    if (progress == bus::BodyProgress::Unfinished) return true;
    const auto done = std::move(long_message_);
    if (progress == bus::BodyProgress::Invalid)
        return refuse_body(done->message, done->check.error());
    accept(done->message);
    return true;
}

void PeerInput::accept(const bus::Message& message) {
    turn_cost_ += kCostPerMessage;
    ++messages_taken_;
    // From here on the queues of its receivers are charged for it.
    reserved_.release();
    if (reserved_descriptors_.amount() > 0) reserve_descriptors();
    owner_.on_message(message);
}

bool PeerInput::refuse_body(const bus::Message& message, bus::BodyError error) {
    owner_.on_violation(fmt::format("message with serial {} has an invalid body: {}",
                                    message.header().serial, bus::describe(error)));
    return false;
}

void PeerInput::watch_deadlines() {
    watch_descriptors();
    watch_half_message();
}

/// Descriptors whose message does not come are not kept for ever.
void PeerInput::watch_descriptors() {
    if (buffer_.waiting_descriptors() == 0) {
        descriptors_timer_.reset();
        return;
    }
    if (descriptors_timer_) return;
    descriptors_timer_ = std::make_unique<bus::Timer>(environment_.loop, [this] {
        if (has_backlog_ || !is_open()) {
            // Whoever is not read can't go on.
            descriptors_timer_->arm(environment_.loop.now() +
                                    environment_.limits.pending_fd_timeout);
            return;
        }
        end_later(
            fmt::format("sent file descriptors without their message "
                        "(pending_fd_timeout={}ms)",
                        environment_.limits.pending_fd_timeout.count()));
    });
    descriptors_timer_->arm(environment_.loop.now() + environment_.limits.pending_fd_timeout);
}

/// A fast sender leaves half a message behind at most reads, so the timer stays armed and looks
/// when it is due whether anything has come since.
void PeerInput::watch_half_message() {
    if (auth_ || has_backlog_ || !is_open() || !buffer_.is_mid_message()) return;
    half_message_.on_part(messages_taken_, environment_.loop.now());
    if (!half_message_timer_)
        half_message_timer_ =
            std::make_unique<bus::Timer>(environment_.loop, [this] { on_half_message_overdue(); });
    if (!half_message_timer_->is_armed())
        half_message_timer_->arm(
            half_message_.due(buffer_.wanted_bytes(), environment_.limits.message_timeout));
}

void PeerInput::on_half_message_overdue() {
    // Whoever is not read can't go on.
    if (!buffer_.is_mid_message() || has_backlog_ || !is_open()) return;
    const auto timeout = environment_.limits.message_timeout;
    const std::size_t bytes = buffer_.wanted_bytes();
    const auto due = half_message_.due(bytes, timeout);
    if (environment_.loop.now() < due) {
        half_message_timer_->arm(due);
    } else if (half_message_.is_too_slow(bytes, timeout, environment_.loop.now())) {
        end_later(fmt::format(
            "did not end a message within {} ms (message_timeout={}ms, and a second for each {} "
            "bytes)",
            MessageDeadline::allowed(bytes, timeout).count(), timeout.count(),
            MessageDeadline::kSlowestBytesPerSecond));
    } else {
        end_later(fmt::format("sent a part of a message and then nothing (message_timeout={}ms)",
                              timeout.count()));
    }
}

bus::StreamLimits PeerInput::stream_limits() const {
    const std::uint64_t user_bytes = user_.share(Resource::Bytes).cap() - kStampedBytes;
    const std::uint64_t user_descriptors = user_.share(Resource::Descriptors).cap();
    return {std::min<std::size_t>(
                {environment_.limits.max_message_size, user_bytes, bus::kMaxMessageBytes}),
            std::min<std::size_t>({environment_.limits.max_message_unix_fds, user_descriptors,
                                   bus::kMaxDescriptorsPerMessage})};
}

std::string PeerInput::describe_stream_error(bus::StreamError error) const {
    switch (error) {
        case bus::StreamError::Header:
            return fmt::format("sent an invalid message: {}",
                               bus::describe(buffer_.header_error()));
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

}  // namespace buzon::broker
