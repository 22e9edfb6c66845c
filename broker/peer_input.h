// SPDX-License-Identifier: Apache-2.0
// What one peer says: reads its socket when its turn comes, leads the auth dialogue, cuts messages
// out of the stream and checks them; long ones piece by piece.
// It stops while a gate is closed. Nothing is waited for without end: the dialogue, descriptors
// without their message and half messages have deadlines.
// Invariant: after stop() nothing is read and nobody is told anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "broker/cookie_source.h"
#include "broker/message_deadline.h"
#include "broker/quota/account_tree.h"
#include "broker/quota/charge.h"
#include "broker/quota/fair_turns.h"
#include "bus/auth_server.h"
#include "bus/base/event_loop.h"
#include "bus/body_check.h"
#include "bus/receive_buffer.h"
#include "policy/limits.h"

namespace buzon::broker {

/// Whom a stream belongs to. Any of these may stop() it.
class PeerInputOwner {
public:
    virtual void on_auth_output(std::span<const std::byte> bytes) = 0;
    virtual void on_auth_begin(const bus::AuthBegin& begin) = 0;
    virtual void on_message(const bus::Message& message) = 0;
    /// It broke the protocol or was too slow.
    virtual void on_violation(std::string_view what) = 0;
    /// End of stream: nothing more will come.
    virtual void on_hang_up() = 0;
    /// is_open() has changed.
    virtual void on_gate() = 0;
    /// The account may not have `bytes` more, which a message in the middle needs: it is not read
    /// on until somebody opens Gate::Room, and asks again then.
    virtual void on_no_room(std::size_t bytes) = 0;

protected:
    ~PeerInputOwner() = default;
};

/// What the streams of one bus share; outlives them.
struct InputEnvironment {
    bus::EventLoop& loop;
    FairTurns& turns;
    bus::BlockPool& pool;
    bus::ReadArena& arena;
    const policy::Limits& limits;     // changes with a reload
    CookieSource* cookies = nullptr;  // null: DBUS_COOKIE_SHA1 is rejected
};

class PeerInput final : private TurnTaker, private CookieWaiter {
public:
    /// Why a peer is not read.
    enum class Gate : std::uint8_t { InFlight = 1U, Cookie = 2U, Room = 4U, Answer = 8U };

    /// `socket` stays the owner's, and so does `account`, which it waits and pays in.
    PeerInput(const InputEnvironment& environment,
              OpenAccount& account,
              int socket,
              std::unique_ptr<bus::AuthServer> auth,
              PeerInputOwner& owner);
    ~PeerInput() { FairTurns::leave(*this); }

    /// The socket has something.
    void on_readable();
    /// The other side is gone: what is left in the socket is bounded, so it need not wait until
    /// what came before has left the bus. Where its receivers have no room it does.
    void on_hang_up();
    /// Ends the peer when its turn comes: whoever is at work now may still use it. The first reason
    /// counts.
    void end_later(std::string reason);
    /// The same, with that errno.
    void fail(int error);
    [[nodiscard]] bool is_ending() const { return !end_reason_.empty(); }
    void stop();

    void close(Gate gate);
    void open(Gate gate);
    [[nodiscard]] bool is_closed(Gate gate) const {
        return (closed_gates_ & static_cast<std::uint8_t>(gate)) != 0;
    }
    [[nodiscard]] bool has_hung_up() const { return hung_up_; }
    [[nodiscard]] bus::TimePoint hung_up_at() const { return hung_up_at_; }
    /// Charged for a message that has come in part, if there is one.
    [[nodiscard]] std::uint64_t unfinished_bytes() const {
        return buffer_.is_mid_message() || long_message_ ? reserved_.amount() : 0;
    }
    /// Descriptors of messages that have not been taken yet.
    [[nodiscard]] std::size_t unfinished_descriptors() const;
    /// It is read when there is something.
    [[nodiscard]] bool is_open() const { return closed_gates_ == 0; }

    /// Hello has been said: the dialogue and what belongs to it are over.
    void end_auth_deadline() { auth_timer_.reset(); }
    /// Work done because of what it said, in bytes or their worth.
    void charge_turn(std::size_t cost) { turn_cost_ += cost; }
    /// Memory held between turns.
    [[nodiscard]] std::size_t held_bytes() const { return buffer_.held_bytes(); }

private:
    /// A long message whose body is checked piece by piece.
    struct LongMessage {
        explicit LongMessage(bus::Message whole);
        bus::Message message;  // owns its bytes
        bus::BodyCheck check;
    };

    Turn take_turn(std::size_t budget) override;
    [[nodiscard]] bool has_work() const;
    void read();
    void process();
    void authenticate();
    void follow(const bus::AuthServerProgress& progress);
    void on_cookie(const std::optional<bus::AuthCookie>& cookie) override;
    void take_messages();
    /// False: no further message in this turn.
    bool take_message();
    /// False: as for take_message().
    bool check_on();
    void accept(const bus::Message& message);
    bool refuse_body(const bus::Message& message, bus::BodyError error);
    void reserve();
    [[nodiscard]] bool is_beyond_room() const;
    void read_last_words();
    void reserve_descriptors();
    void watch_deadlines();
    void watch_descriptors();
    void watch_half_message();
    void on_half_message_overdue();
    [[nodiscard]] bus::StreamLimits stream_limits() const;
    [[nodiscard]] std::string describe_stream_error(bus::StreamError error) const;

    InputEnvironment environment_;
    PeerInputOwner& owner_;
    int socket_;
    std::unique_ptr<bus::AuthServer> auth_;
    bus::ReceiveBuffer buffer_;
    std::unique_ptr<LongMessage> long_message_;
    bus::Ref<Payer> payer_;
    const Account& user_;
    Charge reserved_;
    Charge reserved_descriptors_;
    std::unique_ptr<bus::Timer> auth_timer_;
    std::unique_ptr<bus::Timer> descriptors_timer_;
    std::unique_ptr<bus::Timer> half_message_timer_;
    MessageDeadline half_message_;
    std::uint64_t messages_taken_ = 0;
    std::size_t turn_budget_ = 0;
    std::size_t turn_cost_ = 0;
    std::string end_reason_;  // empty: it goes on
    std::uint8_t closed_gates_ = 0;
    bool readable_ = false;     // the socket has something
    bool has_backlog_ = false;  // the buffer has messages that the last turn did not get to
    bool hung_up_ = false;
    bus::TimePoint hung_up_at_{};
    bool stopped_ = false;
};

}  // namespace buzon::broker
