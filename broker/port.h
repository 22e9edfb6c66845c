// SPDX-License-Identifier: Apache-2.0
// Messages accepted for one receiver and not yet delivered: the mailbox of one connection.
// Invariant: an entry holds the charges for its bytes and descriptors, on the sender's account and
// on his share of this port; they are given back when its last byte has left, or with the port.
// First in, first out. One write at the end of a turn: see port_writes.h.
// Source: DESIGN, sections 5 and 8.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "broker/in_flight.h"
#include "broker/port_writes.h"
#include "broker/quota/port_shares.h"
#include "broker/quota/receiver_fault.h"
#include "broker/quota/resource.h"
#include "broker/reader_pace.h"
#include "bus/base/event_loop.h"
#include "bus/message.h"
#include "bus/send_buffer.h"

namespace buzon::broker {

/// What a message takes up, or several.
struct Room {
    std::uint64_t bytes = 0;
    std::uint64_t descriptors = 0;

    static Room of(const bus::OutgoingMessage& message) {
        return {message.size(), message.descriptor_count()};
    }
    void grow_to(const Room& other) {
        bytes = std::max(bytes, other.bytes);
        descriptors = std::max(descriptors, other.descriptors);
    }
};

/// Why a message can't be queued.
struct NoRoom {
    Exhausted exhausted;
    QuotaRefusal refusal;
};

/// The peer behind a port: arms EPOLLOUT, and ends the peer whose socket fails.
class PortOwner {
public:
    virtual void on_port_blocked() = 0;
    virtual void on_port_unblocked() = 0;
    virtual void on_port_failed(int error) = 0;
    /// Something has left a port.
    virtual void on_port_drained() = 0;

protected:
    ~PortOwner() = default;
};

/// The most that one queue of a bus has held so far.
struct QueuePeaks {
    std::uint64_t bytes = 0;
    std::uint64_t descriptors = 0;
};

/// What all ports of one bus share; outlives them.
struct PortEnvironment {
    PortWrites& writes;
    bus::BlockPool& pool;
    QueuePeaks& peaks;
};

class Port final : public WritingPort {
public:
    /// `socket` stays the owner's.
    Port(const PortEnvironment& environment,
         bus::Ref<PortPools> pools,
         int socket,
         PortOwner& owner);

    /// Queues `message` and charges it to `payer`. It is written at the end of this turn.
    /// Errors: what is used up; nothing is queued then.
    bus::Result<void, NoRoom> offer(const bus::OutgoingMessage& message,
                                    const bus::Ref<InFlight>& payer);
    /// The same beyond what the payer may have here or on the bus: the caller sees to a bound.
    void push(const bus::OutgoingMessage& message,
              const bus::Ref<InFlight>& payer,
              Overdrawn overdrawn = Overdrawn::Otherwise);
    /// Whether `payer` may have so much more here; the bus is not asked.
    [[nodiscard]] bool has_room_for(const InFlight& payer, const Room& wanted);
    /// Of that for which there was last no room, for the log: how much is queued, and its limit.
    [[nodiscard]] std::string describe_fullness() const;
    /// Bytes of the auth dialogue, charged to nobody: bounded there.
    void push_bytes(std::span<const std::byte> bytes);
    /// Forgets whatever comes from now on, and what is queued; but if that is much it stays until
    /// close_in_parts() or the end.
    void close();
    /// The same, of `most` pieces at a time. True: nothing is left.
    bool close_in_parts(std::size_t most);
    /// What it would take to close().
    [[nodiscard]] std::size_t piece_count() const {
        return buffer_.piece_count() + entries_.size();
    }
    /// The socket, which had been full, takes something again.
    void on_writable() { writes_.put_off(*this); }
    /// Writes now what the socket takes.
    void flush();
    void run_task() override { flush(); }

    [[nodiscard]] bool empty() const { return buffer_.empty(); }
    /// It has not said yet that it takes more.
    [[nodiscard]] bool is_socket_full() const { return waiting_for_socket_; }
    [[nodiscard]] std::size_t queued_bytes() const override { return buffer_.queued_bytes(); }
    [[nodiscard]] std::uint64_t queued_descriptors() const { return queued_descriptors_; }
    [[nodiscard]] std::uint64_t queued_messages() const { return queued_messages_; }
    [[nodiscard]] const PortLimits& limits() const { return shares_.limits(); }
    /// How long the other side has read nothing, or next to nothing, though there is something: see
    /// ReaderPace.
    [[nodiscard]] bus::Duration since_drained() const;
    /// How long it has read less than 1 MiB a second, though there is something; as of some
    /// milliseconds ago.
    [[nodiscard]] bus::Duration lagging_for() const;
    [[nodiscard]] const PortShares& shares() const { return shares_; }
    /// How much it has of one sender, or of a program. Takes a step for each entry.
    [[nodiscard]] std::uint64_t bytes_of(const InFlight& payer) const;
    [[nodiscard]] std::uint64_t bytes_of(const Account& principal) const;
    /// What is queued, by the positions in the stream and not by charges, until the last byte of
    /// what is charged together has left: `visit(const InFlight& payer, bytes, descriptors)`.
    template <typename Visitor>
    void for_each_held(Visitor&& visit) const {
        std::uint64_t begin = first_begin_;
        for (const Entry& entry : entries_) {
            visit(entry.charge.payer(), entry.end - std::exchange(begin, entry.end),
                  std::uint64_t{entry.charge.descriptors()});
        }
    }
    /// As AccountTree::verify(): what does not agree, or nothing.
    [[nodiscard]] std::string verify() const;
    /// For a reload.
    void set_pools(bus::Ref<PortPools> pools) { shares_.set_pools(std::move(pools)); }
    [[nodiscard]] std::uint64_t peak_bytes() const { return peak_bytes_; }
    [[nodiscard]] std::uint64_t peak_descriptors() const { return peak_descriptors_; }

private:
    // In bytes a second.
    static constexpr std::int64_t kSlowestReader = 4096;
    static constexpr std::int64_t kKeenReader = std::int64_t{1} << 20;

    /// Messages of one payer, one behind the other, that end at position `end` of the stream.
    struct Entry {
        std::uint64_t end;
        InFlightCharge charge;
        PortCharge place;
    };

    void append(const bus::OutgoingMessage& message,
                const bus::Ref<InFlight>& payer,
                PortCharge place);

    void stop();
    void forget_queued();
    void schedule_write();
    void release_sent();
    void release_first();
    void note_paces() const;
    /// Where in the stream the other side has come to.
    [[nodiscard]] std::int64_t position_of_reader() const;

    PortWrites& writes_;
    QueuePeaks& peaks_;
    PortOwner& owner_;
    int socket_;
    bus::SendBuffer buffer_;
    PortShares shares_;
    std::deque<Entry> entries_;      // not moved as it grows: there may be a million
    std::uint64_t first_begin_ = 0;  // where that begins in the stream; while there is one
    std::optional<bus::Timer> retry_;
    std::uint64_t queued_descriptors_ = 0;
    std::uint64_t queued_messages_ = 0;
    std::uint64_t peak_bytes_ = 0;
    std::uint64_t peak_descriptors_ = 0;
    // While waiting_for_socket_; what was read meanwhile is found out when somebody asks.
    mutable ReaderPace pace_{kSlowestReader};
    mutable ReaderPace keen_pace_{kKeenReader};
    mutable bus::TimePoint paces_noted_at_;
    Resource last_refused_ = Resource::Bytes;
    bool waiting_for_socket_ = false;
    bool closed_ = false;
};

}  // namespace buzon::broker
