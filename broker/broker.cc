// SPDX-License-Identifier: Apache-2.0
#include "broker/broker.h"

#include <sys/socket.h>

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "broker/queue_bounds.h"

namespace buzon::broker {

namespace {

// Half of what the kernel holds for one peer that does not read, charged to nobody.
constexpr int kSendBufferBytes = 128 * 1024;

// Of those who connect too fast one may wait for so many descriptors that there can be.
constexpr std::uint64_t kDescriptorsPerDelayed = 16;
constexpr int kEnteredPerTurn = 32;

ReplyLimits reply_limits(const policy::Limits& limits) {
    return {.max_replies_per_caller = limits.max_replies_per_connection,
            .timeout = limits.reply_timeout};
}

bus::LogParty party_of(const bus::PeerCredentials& credentials) {
    return {credentials.uid, credentials.pid};
}

}  // namespace

Broker::Broker(bus::EventLoop& loop,
               bus::Log& log,
               BusIdentity identity,
               AuthPolicy auth,
               Settings settings,
               SettingsSource& source)
    : turns_(loop),
      writes_(loop),
      reaper_(loop, pool_),
      auth_(std::move(auth)),
      state_(loop,
             log,
             std::move(identity),
             std::move(settings),
             turns_.root(),
             bus::random_hash_seed()),
      environment_{{loop, turns_, pool_, arena_, state_.settings.limits, auth_.cookies},
                   *this,
                   writes_,
                   state_.port_pools,
                   state_.peaks.queues},
      judge_(state_),
      throttle_(state_, *this),
      admission_(state_, throttle_, arena_),
      delivery_(state_, judge_, admission_, writes_, *this),
      name_signals_(state_, delivery_),
      departures_(state_, delivery_, name_signals_, turns_),
      match_report_(state_, delivery_, turns_, pool_),
      driver_(state_, delivery_, name_signals_, throttle_, pool_, *this),
      dispatcher_(state_, pool_, judge_, delivery_, driver_, *this),
      reload_(state_, delivery_, source, *this),
      succession_(state_),
      reply_timeouts_(state_, delivery_),
      connect_timer_(loop, [this] { enter_those_due(); }),
      waiting_room_(loop) {
    state_.replies.set_limits(reply_limits(state_.settings.limits));
}

/// With the queues of all peers the messages of others end; what would go on then has ended before.
Broker::~Broker() {
    state_.peers.for_each([](const Peer& peer) { peer.in_flight()->detach(); });
}

void Broker::add_listener(bus::FileDescriptor socket, const bus::Guid& guid) {
    listeners_.push_back(std::make_unique<Listener>(state_.loop, state_.log, std::move(socket),
                                                    guid, static_cast<ListenerHandler&>(*this)));
}

void Broker::on_accept(Listener& listener, bus::FileDescriptor socket) {
    add_connection(std::move(socket), listener.guid());
}

void Broker::add_connection(bus::FileDescriptor socket, const bus::Guid& guid) {
    auto credentials = bus::read_peer_credentials(socket.get());
    auto account = state_.accounts.open(
        user_of(credentials),
        principals_.principal_of(credentials, bus::open_peer_process(socket.get())));
    if (!account) {
        ++state_.counts.refused_connections;
        state_.log.warning(bus::LogKind{"refused connections"}, party_of(credentials),
                           "Connection refused (uid={} pid={}): {}",
                           credentials.uid.value_or(static_cast<uid_t>(-1)),
                           credentials.pid.value_or(0), describe(account.error()));
        return;
    }
    const auto rate = state_.limits_for(credentials.uid).max_connections_per_second;
    auto arrival = waiting_room_.too_fast().pass(
        {std::move(socket), std::move(credentials), std::move(*account), guid}, rate,
        state_.loop.now());
    if (arrival) {
        enter(std::move(*arrival));
    } else {
        delay_further();
    }
}

/// One more has to wait because its program connects too fast.
void Broker::delay_further() {
    ++state_.counts.delayed_connections;
    const std::size_t most =
        std::min<std::size_t>(state_.settings.limits.max_incomplete_connections,
                              state_.identity.max_descriptors / kDescriptorsPerDelayed);
    if (waiting_room_.too_fast().size() > most)
        refuse(waiting_room_.too_fast().drop_newest(),
               fmt::format("{} of those who connect too fast wait already "
                           "(max_connections_per_second)",
                           most));
    enter_those_due();
}

void Broker::enter_those_due() {
    for (int i = 0; i < kEnteredPerTurn; ++i) {
        auto arrival = waiting_room_.too_fast().take_due(state_.loop.now());
        if (!arrival) break;
        enter(std::move(*arrival));
    }
    const auto next = waiting_room_.too_fast().next_due();
    if (next) connect_timer_.arm(*next);
}

void Broker::refuse(const Arrival& arrival, std::string_view why) {
    ++state_.counts.refused_connections;
    state_.log.warning(bus::LogKind{"refused connections"}, party_of(arrival.credentials),
                       "Connection refused (uid={} pid={}): {}",
                       arrival.credentials.uid.value_or(static_cast<uid_t>(-1)),
                       arrival.credentials.pid.value_or(0), why);
}

void Broker::enter(Arrival arrival) {
    if (may_enter(arrival)) {
        serve(std::move(arrival));
        return;
    }
    const auto most = state_.settings.limits.max_incomplete_connections;
    if (const auto leaving = waiting_room_.add(std::move(arrival), most))
        refuse(*leaving, fmt::format("too many of this program have not said Hello "
                                     "(max_incomplete_connections={})",
                                     most));
}

/// Twice the limit at most, for programs that have nobody among the incomplete.
bool Broker::may_enter(const Arrival& arrival) const {
    const std::size_t limit = state_.settings.limits.max_incomplete_connections;
    const std::size_t incomplete = state_.peers.incomplete_count();
    if (incomplete < limit) return true;
    return incomplete < 2 * limit && state_.peers.incomplete_count_of(arrival.principal()) == 0;
}

void Broker::let_in() {
    if (waiting_room_.size() == 0) return;
    while (auto arrival =
               waiting_room_.take_first([this](const Arrival& each) { return may_enter(each); }))
        serve(std::move(*arrival));
}

void Broker::serve(Arrival arrival) {
    const int socket = arrival.socket.get();
    ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes, sizeof kSendBufferBytes);
    auto auth = std::make_unique<bus::AuthServer>(bus::AuthServerOptions{
        .guid = arrival.guid,
        .mechanisms = auth_.mechanisms,
        .peer_uid = arrival.credentials.uid,
        .can_pass_fds = true,
        .allow_anonymous = auth_.allow_anonymous,
        .bus_owner_uid = state_.identity.owner,
        .bus_owner_name = auth_.bus_owner_name,
    });
    try {
        state_.peers.adopt(std::make_unique<Peer>(environment_, std::move(arrival.socket),
                                                  std::move(arrival.credentials),
                                                  std::move(arrival.account), std::move(auth)));
    } catch (const std::system_error& error) {
        state_.log.warning(bus::LogKind{"accept errors"}, "Can't serve a connection: {}",
                           error.what());
    }
}

void Broker::on_authenticated(Peer& peer) {
    const auto& policy = *state_.settings.policy;
    const auto verdict = policy.may_connect(peer.identity(), state_.identity.owner);
    if (peer.user() && !verdict) {
        judge_.log_refused_connection(peer, verdict);
        remove(peer);
        return;
    }
    const policy::PolicySnapshot& rules = peer.policy(policy);
    const bool can_be_denied =
        !rules.allows_every_own() || !rules.allows_every_send() || !rules.allows_every_receive();
    if (can_be_denied) state_.denials->expect(peer.process_name());
}

void Broker::on_message(Peer& peer, const bus::Message& message) {
    dispatcher_.dispatch(peer, message);
    reply_timeouts_.on_call();
}

void Broker::on_violation(Peer& peer, std::string_view what) {
    retire(peer, what);
}

void Broker::retire(Peer& peer, std::string_view reason) {
    if (peer.is_retired()) return;
    state_.log.warning(bus::LogKind{"disconnected peers"}, peer.log_party(),
                       "Disconnected {} ({}): {}", peer.unique_name(), peer.describe(), reason);
    remove(peer);
}

void Broker::on_hang_up(Peer& peer) {
    if (peer.is_retired()) return;
    if (peer.is_monitor())
        state_.log.info(bus::LogKind{"monitors"}, peer.log_party(),
                        "Monitoring connection {} closed.", peer.unique_name());
    remove(peer);
}

void Broker::on_hidden(Peer& peer) {
    while (!departures_.answer_for(peer, std::numeric_limits<std::size_t>::max())) {
    }
    throttle_.forget(peer);
    peer.go_on_reading();
}

/// Ends a peer. It is unfindable at once.
void Broker::remove(Peer& peer) {
    const bool was_active = peer.is_active();
    const bool was_monitor = peer.is_monitor();
    peer.retire();
    auto released = state_.peers.release(peer);
    throttle_.forget(peer);
    admission_.forget(peer);
    match_report_.forget(peer);
    if (was_monitor) {
        state_.monitor_matches.remove_all(peer.id());
        peer.holdings().lower(Resource::MatchRules, 0);
    }
    if (was_active) {
        departures_.begin(std::move(released));
    } else if (was_monitor) {
        departures_.begin_with_queue(std::move(released));
    } else {
        state_.loop.dispose_later(std::move(released));
    }
    // Its descriptor is free for another.
    for (const auto& listener : listeners_)
        listener->resume();
    let_in();
}

void Broker::apply(Settings settings) {
    const auto former = std::exchange(state_.settings, std::move(settings));
    state_.names.follow(state_.settings.policy->vocabulary());
    state_.user_limits = policy::limits_of_users(state_.settings.limits, state_.settings.overrides);
    state_.accounts.set_limits(
        quota_limits(state_.settings.limits, state_.user_limits, state_.identity.max_descriptors));
    bound_all_queues(state_);
    environment_.port_pools = state_.port_pools;
    state_.replies.set_limits(reply_limits(state_.settings.limits));
    reply_timeouts_.on_new_limits();
    succession_.begin(former.policy);
    waiting_room_.too_fast().set_rates(state_.loop.now(), [this](UserId user) {
        return state_.limits_for(static_cast<uid_t>(user)).max_connections_per_second;
    });
    enter_those_due();
    let_in();
}

}  // namespace buzon::broker
