// SPDX-License-Identifier: Apache-2.0
// The root object of the bus: builds its parts, takes in connections, ends peers, reloads.
// Invariant: all state is in BusState; what happens to it happens on the loop's thread.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/admission.h"
#include "broker/audit.h"
#include "broker/block_reaper.h"
#include "broker/bus_state.h"
#include "broker/cookie_source.h"
#include "broker/delivery.h"
#include "broker/departures.h"
#include "broker/dispatch.h"
#include "broker/driver.h"
#include "broker/judge.h"
#include "broker/listener.h"
#include "broker/match_report.h"
#include "broker/name_signals.h"
#include "broker/peer.h"
#include "broker/policy_succession.h"
#include "broker/port_writes.h"
#include "broker/quota/principal.h"
#include "broker/reload.h"
#include "broker/reply_timeouts.h"
#include "broker/throttle.h"
#include "broker/waiting_room.h"
#include "bus/auth_server.h"
#include "bus/base/block_pool.h"
#include "bus/receive_buffer.h"

namespace buzon::broker {

/// How clients have to authenticate; fixed for the life of the bus.
struct AuthPolicy {
    bus::AuthMechanisms mechanisms = bus::AuthMechanisms::all();
    bool allow_anonymous = false;
    std::string bus_owner_name;
    CookieSource* cookies = nullptr;
};

class ReloadObserver {
public:
    /// All reloads that were asked for are over, whatever came of them.
    virtual void on_reloads_done() = 0;

protected:
    ~ReloadObserver() = default;
};

class Broker final : private PeerHandler,
                     private PeerRetirer,
                     private HeldSenderHandler,
                     private ListenerHandler,
                     private DriverHost,
                     private ReloadHost {
public:
    Broker(bus::EventLoop& loop,
           bus::Log& log,
           BusIdentity identity,
           AuthPolicy auth,
           Settings settings,
           SettingsSource& source);
    Broker(const Broker&) = delete;
    Broker& operator=(const Broker&) = delete;
    Broker(Broker&&) = delete;
    Broker& operator=(Broker&&) = delete;
    ~Broker();

    /// `socket` is bound and listening. Throws std::system_error.
    void add_listener(bus::FileDescriptor socket, const bus::Guid& guid);
    /// Takes a connected socket as if it had come through a listener.
    void add_connection(bus::FileDescriptor socket, const bus::Guid& guid);
    /// SIGHUP: the new configuration whole, or the old one kept, as soon as it has been read.
    void reload() { reload_.request(); }
    /// Without one the log does not tell what programs are called.
    void set_process_names(ProcessNameSource& source) { state_.denials->set_source(source); }
    void set_reload_observer(ReloadObserver& observer) { reload_observer_ = &observer; }

    /// From now on whether charges are what is held is found out in each turn; the process is
    /// stopped if not.
    void audit_turns() { audit_.emplace(audited()); }
    [[nodiscard]] AuditedBus audited() const {
        return {state_, waiting_room_, admission_.held(), departures_, match_report_};
    }

    [[nodiscard]] const BusState& state() const { return state_; }
    [[nodiscard]] const Throttle& throttle() const { return throttle_; }
    /// What finding receivers and queueing for them has cost so far, in the units of FairTurns.
    [[nodiscard]] std::uint64_t work() const override { return delivery_.work(); }
    [[nodiscard]] const HeldMessages& held_messages() const { return admission_.held(); }
    /// Connections that are not read yet: see WaitingRoom.
    [[nodiscard]] std::size_t waiting_count() const {
        return waiting_room_.size() + waiting_room_.too_fast().size();
    }
    [[nodiscard]] const MatchReport& match_report() const { return match_report_; }
    /// Bytes that have been read of those who are not read on: charged to nobody, see ReadArena.
    [[nodiscard]] std::size_t read_ahead_bytes() const { return arena_.aside(); }
    /// Messages that the bus itself has written: their last serial.
    [[nodiscard]] std::uint32_t driver_messages() const { return delivery_.last_serial(); }

private:
    void on_accept(Listener& listener, bus::FileDescriptor socket) override;
    void on_authenticated(Peer& peer) override;
    void on_message(Peer& peer, const bus::Message& message) override;
    void on_violation(Peer& peer, std::string_view what) override;
    void on_hang_up(Peer& peer) override;
    void on_other_side_gone(Peer& peer) override {
        throttle_.let_go(peer);
        match_report_.forget(peer);
    }
    bool on_room(Peer& sender) override { return delivery_.deliver_held(sender); }
    void on_in_flight_full(Peer& peer) override { throttle_.watch(peer); }
    void on_in_flight_less(Peer& peer) override { throttle_.unwatch(peer); }
    void on_no_room(Peer& peer, std::size_t bytes) override {
        throttle_.hold_for_bus(peer, {.bytes = bytes}, Throttle::Overdraft::Yes);
    }
    void on_drained(Peer& peer) override { throttle_.on_drained(peer); }
    void retire(Peer& peer, std::string_view reason) override;
    bus::Result<void, ErrorReply> reload_configuration(Peer& caller,
                                                       std::uint32_t serial) override {
        return reload_.request(caller, serial);
    }
    void apply(Settings settings) override;
    void on_reload_attempt() override { driver_.announce_activatable_services(); }
    void on_reloads_done() override {
        if (reload_observer_) reload_observer_->on_reloads_done();
    }
    void on_connection_completed() override { let_in(); }
    void report_match_rules(Peer& caller, std::uint32_t serial) override {
        match_report_.ask(caller, serial);
    }
    void on_hidden(Peer& peer) override;

    /// A connection whose turn has come.
    void enter(Arrival arrival);
    void enter_those_due();
    void delay_further();
    void refuse(const Arrival& arrival, std::string_view why);
    void remove(Peer& peer);
    [[nodiscard]] bool may_enter(const Arrival& arrival) const;
    /// Those who wait, as far as there is room now.
    void let_in();
    void serve(Arrival arrival);

    FairTurns turns_;
    PortWrites writes_;
    Principals principals_;
    bus::BlockPool pool_;
    BlockReaper reaper_;
    bus::ReadArena arena_;
    AuthPolicy auth_;
    BusState state_;
    PeerEnvironment environment_;
    Judge judge_;
    Throttle throttle_;
    Admission admission_;
    Delivery delivery_;
    NameSignals name_signals_;
    Departures departures_;
    MatchReport match_report_;
    Driver driver_;
    Dispatcher dispatcher_;
    Reload reload_;
    PolicySuccession succession_;
    ReloadObserver* reload_observer_ = nullptr;
    ReplyTimeouts reply_timeouts_;
    bus::Timer connect_timer_;
    WaitingRoom waiting_room_;
    std::optional<TurnAudit> audit_;
    std::vector<std::unique_ptr<Listener>> listeners_;
};

}  // namespace buzon::broker
