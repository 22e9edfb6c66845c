// SPDX-License-Identifier: Apache-2.0
#include "broker/port.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "bus/socket.h"

namespace buzon::broker {

namespace {

// The kernel refuses descriptors while too many of this user are in flight (ETOOMANYREFS) and
// does not tell when there is room again.
constexpr auto kNotedEvery = std::chrono::milliseconds(10);
constexpr auto kRetryInterval = std::chrono::milliseconds(10);
// A fraction of a millisecond.
constexpr std::size_t kMostWrittenAtOnce = std::size_t{512} << 10;
// An entry that grew without end would give back its charge too late.
constexpr std::uint32_t kMaxMessagesPerEntry = 64;
// Pieces of a queue; what is more is forgotten in parts.
constexpr std::size_t kClosedAtOnce = 256;

}  // namespace

Port::Port(const PortEnvironment& environment,
           bus::Ref<PortPools> pools,
           int socket,
           PortOwner& owner)
    : writes_(environment.writes),
      peaks_(environment.peaks),
      owner_(owner),
      socket_(socket),
      buffer_(environment.pool),
      shares_(std::move(pools)) {}

bus::Result<void, NoRoom> Port::offer(const bus::OutgoingMessage& message,
                                      const bus::Ref<InFlight>& payer) {
    if (closed_) return {};
    const std::size_t descriptors = message.descriptor_count();
    auto place = shares_.charge(payer->payer()->account(), message.size(), descriptors);
    if (!place) {
        const bool is_full = shares_.is_full();
        last_refused_ = place.error().resource;
        if (is_full)
            last_refused_ =
                shares_.bytes() >= limits().bytes ? Resource::Bytes : Resource::Descriptors;
        const auto used_up = is_full ? Exhausted::ReceiverBound : Exhausted::SenderShare;
        return bus::Unexpected{NoRoom{used_up, place.error()}};
    }
    if (const auto refused = payer->try_add(message.size(), descriptors)) {
        last_refused_ = refused->resource;
        return bus::Unexpected{NoRoom{Exhausted::SenderAccount, *refused}};
    }
    append(message, payer, std::move(*place));
    return {};
}

void Port::push(const bus::OutgoingMessage& message,
                const bus::Ref<InFlight>& payer,
                Overdrawn overdrawn) {
    if (closed_) return;
    const std::size_t descriptors = message.descriptor_count();
    auto place = shares_.force(payer->payer()->account(), message.size(), descriptors);
    payer->add(message.size(), descriptors, overdrawn);
    append(message, payer, std::move(place));
}

bool Port::has_room_for(const InFlight& payer, const Room& wanted) {
    return !shares_.check(payer.payer()->account(), wanted.bytes, wanted.descriptors);
}

std::string Port::describe_fullness() const {
    if (last_refused_ == Resource::Descriptors)
        return fmt::format("{} descriptors queued, max_outgoing_unix_fds={}", queued_descriptors(),
                           limits().descriptors);
    return fmt::format("{} bytes queued, max_outgoing_bytes={}", queued_bytes(), limits().bytes);
}

void Port::append(const bus::OutgoingMessage& message,
                  const bus::Ref<InFlight>& payer,
                  PortCharge place) {
    if (entries_.empty()) first_begin_ = buffer_.appended();
    buffer_.append(message);
    const auto descriptors = static_cast<std::uint32_t>(message.descriptor_count());
    // What has descriptors is an entry of its own, so that they are counted no longer than needed.
    const bool can_join =
        descriptors == 0 && !entries_.empty() && entries_.back().charge.descriptors() == 0 &&
        entries_.back().charge.messages() < kMaxMessagesPerEntry &&
        entries_.back().charge.is_of(*payer) && entries_.back().place.absorb(place);
    if (can_join) {
        entries_.back().charge.extend(message.size());
        entries_.back().end = buffer_.appended();
    } else {
        entries_.push_back({buffer_.appended(), InFlightCharge(payer, message.size(), descriptors),
                            std::move(place)});
    }
    ++queued_messages_;
    queued_descriptors_ += descriptors;
    peak_bytes_ = std::max<std::uint64_t>(peak_bytes_, buffer_.queued_bytes());
    peak_descriptors_ = std::max(peak_descriptors_, queued_descriptors_);
    peaks_.bytes = std::max(peaks_.bytes, peak_bytes_);
    peaks_.descriptors = std::max(peaks_.descriptors, peak_descriptors_);
    schedule_write();
}

bus::Duration Port::since_drained() const {
    if (!waiting_for_socket_) return bus::Duration::zero();
    note_paces();
    return paces_noted_at_ - pace_.behind_since();
}

bus::Duration Port::lagging_for() const {
    if (!waiting_for_socket_) return bus::Duration::zero();
    if (writes_.loop().now() - paces_noted_at_ >= kNotedEvery) note_paces();
    return paces_noted_at_ - keen_pace_.behind_since();
}

void Port::note_paces() const {
    paces_noted_at_ = writes_.loop().now();
    const std::int64_t position = position_of_reader();
    pace_.note(position, paces_noted_at_);
    keen_pace_.note(position, paces_noted_at_);
}

std::int64_t Port::position_of_reader() const {
    return static_cast<std::int64_t>(buffer_.sent()) - bus::unread_by_peer(socket_);
}

std::uint64_t Port::bytes_of(const InFlight& payer) const {
    std::uint64_t sum = 0;
    for_each_held([&](const InFlight& each, std::uint64_t bytes, std::uint64_t) {
        if (&each == &payer) sum += bytes;
    });
    return sum;
}

std::uint64_t Port::bytes_of(const Account& principal) const {
    std::uint64_t sum = 0;
    for_each_held([&](const InFlight& each, std::uint64_t bytes, std::uint64_t) {
        if (each.payer()->account().parent() == &principal) sum += bytes;
    });
    return sum;
}

std::string Port::verify() const {
    std::uint64_t messages = 0;
    std::uint64_t descriptors = 0;
    std::uint64_t placed_bytes = 0;
    std::uint64_t placed_descriptors = 0;
    std::uint64_t end = first_begin_;
    for (const Entry& entry : entries_) {
        messages += entry.charge.messages();
        descriptors += entry.charge.descriptors();
        placed_bytes += entry.place.bytes();
        placed_descriptors += entry.place.descriptors();
        end = entry.end;
    }
    if (messages != queued_messages_)
        return fmt::format("counts {} messages of {}", queued_messages_, messages);
    if (descriptors != queued_descriptors_ || buffer_.queued_descriptors() > descriptors)
        return fmt::format("counts {} descriptors, charged are {}, held {}", queued_descriptors_,
                           descriptors, buffer_.queued_descriptors());
    if (messages > 0 && (end != buffer_.appended() || placed_bytes != end - first_begin_))
        return fmt::format("shares of senders hold {} bytes of {}", placed_bytes,
                           buffer_.appended() - first_begin_);
    if (placed_bytes != shares_.bytes() || placed_descriptors != shares_.descriptors())
        return fmt::format(
            "shares of senders hold {} bytes and {} descriptors, charged are {} "
            "and {}",
            shares_.bytes(), shares_.descriptors(), placed_bytes, placed_descriptors);
    return shares_.verify();
}

void Port::push_bytes(std::span<const std::byte> bytes) {
    if (closed_) return;
    buffer_.append_bytes(bytes);
    schedule_write();
}

void Port::close() {
    stop();
    if (piece_count() <= kClosedAtOnce) forget_queued();
}

void Port::stop() {
    closed_ = true;
    forget_schedule();
    retry_.reset();
}

void Port::forget_queued() {
    buffer_.clear();
    queued_messages_ = queued_descriptors_ = 0;
    // A charge given back may wake its payer, who may look at this port.
    const auto dropped = std::move(entries_);
    entries_.clear();
}

/// Its bytes before its charges: what is held is charged.
bool Port::close_in_parts(std::size_t most) {
    stop();
    if (!buffer_.discard_some(most)) return false;
    for (; most > 0 && !entries_.empty(); --most)
        release_first();
    if (!entries_.empty()) return false;
    forget_queued();
    owner_.on_port_drained();
    return true;
}

void Port::schedule_write() {
    const bool waiting = waiting_for_socket_ || (retry_ && retry_->is_armed());
    if (!waiting) writes_.schedule(*this);
}

void Port::flush() {
    if (closed_) return;
    const std::uint64_t sent_before = buffer_.sent();
    const auto status = buffer_.flush(socket_, kMostWrittenAtOnce);
    release_sent();
    if (!status) {
        owner_.on_port_failed(status.error());
        return;
    }
    if (*status == bus::FlushStatus::KernelBusy) {
        if (!retry_) retry_.emplace(writes_.loop(), [this] { flush(); });
        retry_->arm(writes_.loop().now() + kRetryInterval);
    }
    if (*status == bus::FlushStatus::Unfinished) writes_.put_off(*this);
    const bool full = *status == bus::FlushStatus::SocketFull;
    const bool had_waited = waiting_for_socket_;
    if (full && had_waited) note_paces();
    if (full && !had_waited) {
        paces_noted_at_ = writes_.loop().now();
        pace_.start(position_of_reader(), paces_noted_at_);
        keen_pace_.start(position_of_reader(), paces_noted_at_);
    }
    if (buffer_.sent() > sent_before) owner_.on_port_drained();
    if (full == waiting_for_socket_) return;
    waiting_for_socket_ = full;
    full ? owner_.on_port_blocked() : owner_.on_port_unblocked();
}

void Port::release_sent() {
    while (!entries_.empty() && entries_.front().end <= buffer_.sent())
        release_first();
}

void Port::release_first() {
    // A charge given back may wake its payer, who may look at this port.
    const Entry given_back = std::move(entries_.front());
    entries_.pop_front();
    first_begin_ = given_back.end;
    queued_messages_ -= given_back.charge.messages();
    queued_descriptors_ -= given_back.charge.descriptors();
}

}  // namespace buzon::broker
