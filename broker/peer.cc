// SPDX-License-Identifier: Apache-2.0
#include "broker/peer.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <span>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "broker/log_text.h"

namespace buzon::broker {

Peer::Peer(const PeerEnvironment& environment,
           bus::FileDescriptor socket,
           bus::PeerCredentials credentials,
           OpenAccount account,
           std::unique_ptr<bus::AuthServer> auth)
    : environment_(environment),
      socket_(std::move(socket)),
      credentials_(std::move(credentials)),
      account_(std::move(account)),
      holdings_(account_.payer()),
      in_flight_(bus::make_ref<InFlight>(static_cast<InFlightListener*>(this), account_.payer())),
      input_(environment.input, account_, socket_.get(), std::move(auth), *this),
      port_({environment.writes, environment.input.pool, environment.queue_peaks},
            environment.port_pools,
            socket_.get(),
            *this),
      interest_(EPOLLIN) {
    const auto added = environment_.input.loop.add(socket_.get(), interest_, *this);
    if (!added) throw std::system_error(added.error(), std::system_category(), "epoll_ctl");
    if (credentials_.pid)
        process_name_ =
            bus::make_ref<ProcessName>(*credentials_.pid, socket_.get(), credentials_.read_at);
}

Peer::~Peer() {
    if (process_name_) process_name_->forget_socket();
    in_flight_->detach();
    if (!is_retired()) environment_.input.loop.remove(socket_.get(), *this);
}

std::string_view Peer::unique_name() const {
    return id_name_ ? id_name_->view() : std::string_view(":not.active.yet");
}

void Peer::become_active(PeerId id) {
    id_name_.emplace(id);
    id_ = id;
    stage_ = Stage::Active;
    input_.end_auth_deadline();
}

void Peer::retire() {
    if (is_retired()) return;
    stage_ = Stage::Retired;
    port_.flush();
    in_flight_->detach();
    input_.stop();
    port_.forget_schedule();
    environment_.input.loop.remove(socket_.get(), *this);
}

void Peer::on_ready(std::uint32_t events) {
    if (events & EPOLLOUT) port_.on_writable();
    if (events & (EPOLLHUP | EPOLLERR)) on_other_side_gone();
    if (events & ~std::uint32_t{EPOLLOUT}) input_.on_readable();
}

void Peer::on_other_side_gone() {
    if (std::exchange(is_other_side_gone_, true)) return;
    input_.on_hang_up();
    environment_.handler.on_other_side_gone(*this);
}

void Peer::on_no_room(std::size_t bytes) {
    if (is_active()) {
        environment_.handler.on_no_room(*this, bytes);
    } else {
        on_violation("began a long message before Hello while there is no room for it");
    }
}

void Peer::on_auth_output(std::span<const std::byte> bytes) {
    port_.push_bytes(bytes);
}

void Peer::on_auth_begin(const bus::AuthBegin& begin) {
    user_ = begin.uid;
    accepts_descriptors_ = begin.unix_fds;
    stage_ = Stage::Nameless;
    environment_.handler.on_authenticated(*this);
}

void Peer::on_message(const bus::Message& message) {
    environment_.handler.on_message(*this, message);
    // Who has hung up does not wait for its own limit any more.
    if (is_retired() || input_.has_hung_up() || !is_over_in_flight_limit()) return;
    input_.close(PeerInput::Gate::InFlight);
    if (is_active()) environment_.handler.on_in_flight_full(*this);
}

void Peer::on_violation(std::string_view what) {
    environment_.handler.on_violation(*this, what);
}

void Peer::on_hang_up() {
    environment_.handler.on_hang_up(*this);
}

bool Peer::is_over_in_flight_limit() const {
    const policy::Limits& limits = environment_.input.limits;
    return in_flight_->queued_bytes() > limits.max_incoming_bytes ||
           in_flight_->queued_descriptors() > limits.max_incoming_unix_fds;
}

void Peer::on_in_flight_released() {
    if (!input_.is_closed(PeerInput::Gate::InFlight) || is_over_in_flight_limit()) return;
    input_.open(PeerInput::Gate::InFlight);
    if (is_active()) environment_.handler.on_in_flight_less(*this);
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
    // The other side has closed, is gone, or reads no more: what it sent before is still routed.
    // Who only reads no more could go on writing, and is treated as one whose last words are
    // bounded: so they end here.
    if (error == EPIPE || error == ECONNRESET) {
        ::shutdown(socket_.get(), SHUT_RD);
        update_interest();
        on_other_side_gone();
    } else {
        input_.fail(error);
    }
}

void Peer::update_interest() {
    if (is_retired()) return;
    // Edge-triggered while it is not read: a hang-up, which can't be masked, would wake the loop
    // for ever.
    std::uint32_t interest = input_.is_open() ? std::uint32_t{EPOLLIN} : std::uint32_t{EPOLLET};
    if (write_blocked_) interest |= EPOLLOUT;
    if (interest == interest_) return;
    interest_ = interest;
    const auto modified = environment_.input.loop.modify(socket_.get(), interest_, *this);
    if (!modified) input_.fail(modified.error());
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
