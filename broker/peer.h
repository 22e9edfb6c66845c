// SPDX-License-Identifier: Apache-2.0
// One participant on the bus: its socket, who it is, what it may, what it has said so far.
// Life: Authenticating → Nameless (before Hello) → Active → perhaps Monitor; Retired from any.
// Invariant: a retired peer is not read, not written and not found any more; it is freed when the
// turn is over.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "broker/in_flight.h"
#include "broker/peer_id.h"
#include "broker/peer_input.h"
#include "broker/port.h"
#include "broker/process_name.h"
#include "broker/quota/account_tree.h"
#include "broker/quota/holdings.h"
#include "bus/auth_server.h"
#include "bus/base/event_loop.h"
#include "bus/base/log.h"
#include "bus/peer_credentials.h"
#include "policy/limits.h"
#include "policy/policy_set.h"
#include "policy/policy_snapshot.h"

namespace buzon::broker {

class Peer;

/// What a peer's input leads to; implemented by the broker.
class PeerHandler {
public:
    /// The auth dialogue has succeeded; retires a peer that may not connect.
    virtual void on_authenticated(Peer& peer) = 0;
    virtual void on_message(Peer& peer, const bus::Message& message) = 0;
    /// The peer broke the protocol, was too slow or was refused: log it and retire it.
    virtual void on_violation(Peer& peer, std::string_view what) = 0;
    /// The other side is gone; there may be something left of what it has sent.
    virtual void on_other_side_gone(Peer& peer) = 0;
    /// End of stream: nothing more will come.
    virtual void on_hang_up(Peer& peer) = 0;
    /// Its messages under way fill max_incoming_bytes, and it is not read; or it is again.
    virtual void on_in_flight_full(Peer& peer) = 0;
    virtual void on_in_flight_less(Peer& peer) = 0;
    /// It may not have `bytes` more for a message that has come in part.
    virtual void on_no_room(Peer& peer, std::size_t bytes) = 0;
    /// Its queue, which had stood still, has become shorter.
    virtual void on_drained(Peer& peer) = 0;

protected:
    ~PeerHandler() = default;
};

/// What all peers of one bus share; outlives them.
struct PeerEnvironment {
    InputEnvironment input;
    PeerHandler& handler;
    PortWrites& writes;
    bus::Ref<PortPools> port_pools;
    QueuePeaks& queue_peaks;
};

/// Membership among the peers of one program.
struct OfOneProgram {};

class Peer final : public bus::EventSource,
                   public bus::ListLink<OfOneProgram>,
                   public bus::Disposable,
                   private PeerInputOwner,
                   private PortOwner,
                   private InFlightListener {
public:
    enum class Stage : std::uint8_t { Authenticating, Nameless, Active, Monitor, Retired };

    /// Throws std::system_error where the loop can't watch the socket.
    Peer(const PeerEnvironment& environment,
         bus::FileDescriptor socket,
         bus::PeerCredentials credentials,
         OpenAccount account,
         std::unique_ptr<bus::AuthServer> auth);
    ~Peer() override;

    void on_ready(std::uint32_t events) override;

    [[nodiscard]] Stage stage() const { return stage_; }
    [[nodiscard]] bool is_active() const { return stage_ == Stage::Active; }
    [[nodiscard]] bool is_monitor() const { return stage_ == Stage::Monitor; }
    [[nodiscard]] bool is_retired() const { return stage_ == Stage::Retired; }
    [[nodiscard]] bool has_id() const { return id_.has_value(); }
    /// Only of one that has said Hello.
    [[nodiscard]] PeerId id() const { return *id_; }
    /// `:1.42`, or `:not.active.yet` before Hello; kept after retirement, for the log.
    [[nodiscard]] std::string_view unique_name() const;

    [[nodiscard]] const bus::PeerCredentials& credentials() const { return credentials_; }
    /// A new descriptor of its process; empty if the kernel gives none.
    [[nodiscard]] bus::FileDescriptor open_process() const {
        return bus::open_peer_process(socket_.get());
    }
    /// What its program is called, or will be found out to be; null if it has no process.
    [[nodiscard]] const bus::Ref<ProcessName>& process_name() const { return process_name_; }
    /// Whom the auth dialogue has established; nothing for an anonymous peer.
    [[nodiscard]] std::optional<uid_t> user() const { return user_; }
    [[nodiscard]] bool accepts_descriptors() const { return accepts_descriptors_; }
    [[nodiscard]] policy::PeerIdentity identity() const;
    /// The rules of `set`, which is the policy in force, for this peer. A set may come into force
    /// without anybody telling the peer: whoever asks names it.
    [[nodiscard]] const policy::PolicySnapshot& policy(const policy::PolicySet& set) const {
        if (!policy_ || &policy_->set() != &set) policy_ = set.snapshot_for(identity());
        return *policy_;
    }

    [[nodiscard]] Port& port() { return port_; }
    [[nodiscard]] const Port& port() const { return port_; }
    [[nodiscard]] const bus::Ref<InFlight>& in_flight() const { return in_flight_; }
    [[nodiscard]] const OpenAccount& account() const { return account_; }
    /// Whose time work for it takes.
    [[nodiscard]] TurnShare& turns() { return account_.turns(); }
    [[nodiscard]] Holdings& holdings() { return holdings_; }
    [[nodiscard]] const Holdings& holdings() const { return holdings_; }
    /// What it is charged for of a message that has come in part.
    [[nodiscard]] std::uint64_t unfinished_bytes() const { return input_.unfinished_bytes(); }
    [[nodiscard]] std::size_t unfinished_descriptors() const {
        return input_.unfinished_descriptors();
    }
    [[nodiscard]] std::size_t peak_match_rules() const { return peak_match_rules_; }
    [[nodiscard]] std::size_t peak_names() const { return peak_names_; }
    void note_match_rules(std::size_t count) {
        peak_match_rules_ = std::max(peak_match_rules_, count);
    }
    void note_names(std::size_t count) { peak_names_ = std::max(peak_names_, count); }

    /// Hello has been answered.
    void become_active(PeerId id);
    void become_monitor() { stage_ = Stage::Monitor; }
    /// Stops all input and output, behind what the socket still takes; the registry does the rest.
    void retire();
    /// Until there is room for what it sends.
    void stop_reading() { input_.close(PeerInput::Gate::Room); }
    void go_on_reading() { input_.open(PeerInput::Gate::Room); }
    /// While an answer is written over several turns, so that answers keep their order.
    void wait_for_answer() { input_.close(PeerInput::Gate::Answer); }
    void end_wait_for_answer() { input_.open(PeerInput::Gate::Answer); }
    /// The other side is gone; what it sent before is still routed.
    [[nodiscard]] bool has_hung_up() const { return input_.has_hung_up(); }
    /// Only if it has.
    [[nodiscard]] bus::TimePoint hung_up_at() const { return input_.hung_up_at(); }
    /// Ends it when its turn comes; until then it is found, and gets nothing more.
    void end_later(std::string reason) { input_.end_later(std::move(reason)); }
    [[nodiscard]] bool is_ending() const { return input_.is_ending(); }
    /// Work done for this peer, in bytes or their worth.
    void charge_turn(std::size_t cost) { input_.charge_turn(cost); }
    /// `uid=0 pid=12`, for the log and for the texts of errors; with `comm="..."` if that is known.
    [[nodiscard]] std::string describe() const;
    /// Whose doing a line about it is.
    [[nodiscard]] bus::LogParty log_party() const { return {credentials_.uid, credentials_.pid}; }

private:
    void on_auth_output(std::span<const std::byte> bytes) override;
    void on_auth_begin(const bus::AuthBegin& begin) override;
    void on_message(const bus::Message& message) override;
    void on_violation(std::string_view what) override;
    void on_hang_up() override;
    void on_gate() override { update_interest(); }
    void on_no_room(std::size_t bytes) override;
    void on_port_blocked() override;
    void on_port_unblocked() override;
    void on_port_failed(int error) override;
    void on_other_side_gone();
    void on_port_drained() override { environment_.handler.on_drained(*this); }
    void on_in_flight_released() override;

    [[nodiscard]] bool is_over_in_flight_limit() const;
    void update_interest();

    PeerEnvironment environment_;
    bus::FileDescriptor socket_;
    bus::PeerCredentials credentials_;
    bus::Ref<ProcessName> process_name_;
    OpenAccount account_;
    Holdings holdings_;
    bus::Ref<InFlight> in_flight_;
    PeerInput input_;
    Port port_;
    mutable bus::Ref<const policy::PolicySnapshot> policy_;
    std::optional<PeerId> id_;
    std::optional<UniqueNameText> id_name_;
    std::optional<uid_t> user_;
    std::size_t peak_match_rules_ = 0;
    std::size_t peak_names_ = 1;
    std::uint32_t interest_ = 0;
    Stage stage_ = Stage::Authenticating;
    bool accepts_descriptors_ = false;
    bool write_blocked_ = false;
    bool is_other_side_gone_ = false;
};

}  // namespace buzon::broker
