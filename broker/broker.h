// SPDX-License-Identifier: Apache-2.0
// The root object of the bus: builds its parts, takes in connections, ends peers, reloads.
// Invariant: all state is in BusState; what happens to it happens on the loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/bus_state.h"
#include "broker/delivery.h"
#include "broker/dispatch.h"
#include "broker/driver.h"
#include "broker/judge.h"
#include "broker/listener.h"
#include "broker/name_signals.h"
#include "broker/peer.h"
#include "bus/auth_server.h"
#include "bus/base/block_pool.h"
#include "bus/receive_buffer.h"

namespace buzon::broker {

/// How clients have to authenticate; fixed for the life of the bus.
struct AuthPolicy {
    bus::AuthMechanisms mechanisms = bus::AuthMechanisms::all();
    bool allow_anonymous = false;
    std::string bus_owner_name;
    bus::CookieSource* cookies = nullptr;
};

/// Reads the configuration again. Errors: the text for log and caller; nothing has changed then.
using SettingsLoader = std::function<bus::Result<Settings, std::string>()>;

class Broker final : private PeerHandler,
                     private PeerRetirer,
                     private ListenerHandler,
                     private DriverHost {
public:
    Broker(bus::EventLoop& loop,
           bus::Log& log,
           BusIdentity identity,
           AuthPolicy auth,
           Settings settings,
           SettingsLoader load_settings);
    Broker(const Broker&) = delete;
    Broker& operator=(const Broker&) = delete;
    Broker(Broker&&) = delete;
    Broker& operator=(Broker&&) = delete;
    ~Broker();

    /// `socket` is bound and listening. Throws std::system_error.
    void add_listener(bus::FileDescriptor socket, const bus::Guid& guid);
    /// Takes a connected socket as if it had come through a listener.
    void add_connection(bus::FileDescriptor socket, const bus::Guid& guid);
    /// SIGHUP and ReloadConfig: the new configuration whole, or the old one kept.
    bus::Result<void, std::string> reload();

    [[nodiscard]] const BusState& state() const { return state_; }

private:
    void on_accept(Listener& listener, bus::FileDescriptor socket) override;
    [[nodiscard]] bool has_room() const override;
    void on_authenticated(Peer& peer) override;
    void on_message(Peer& peer, const bus::Message& message) override;
    void on_violation(Peer& peer, std::string_view what) override;
    void on_hang_up(Peer& peer) override;
    void retire(Peer& peer, std::string_view reason) override;
    bus::Result<void, std::string> reload_configuration() override { return reload(); }
    void on_connection_completed() override { resume_listeners(); }
    void answer_for(Peer& callee) override;

    void remove(Peer& peer);
    void withdraw_from_bus(Peer& peer);
    void resume_listeners();
    void apply(Settings settings);
    void watch_reply_timeouts();
    void expire_replies();
    [[nodiscard]] policy::PeerIdentity identity_of(const Peer& peer) const;

    bus::BlockPool pool_;
    bus::ReadArena arena_;
    AuthPolicy auth_;
    SettingsLoader load_settings_;
    BusState state_;
    PeerEnvironment environment_;
    Judge judge_;
    Delivery delivery_;
    NameSignals name_signals_;
    Driver driver_;
    Dispatcher dispatcher_;
    bus::Timer reply_timer_;
    std::vector<std::unique_ptr<Listener>> listeners_;
};

}  // namespace buzon::broker
