// SPDX-License-Identifier: Apache-2.0
#include "broker/reload.h"

#include <algorithm>
#include <utility>

namespace buzon::broker {

namespace {

// Calls that wait while the configuration is being read. Half of the places are kept for those who
// may administer the bus, whom others must not be able to lock out.
constexpr std::size_t kMaxWaitingCalls = 1024;
constexpr std::size_t kMaxWaitingCallsOfOthers = kMaxWaitingCalls / 2;
constexpr std::ptrdiff_t kMaxWaitingCallsPerPeer = 16;
// Half a millisecond, more or less.
constexpr std::size_t kRulesPerTurn = 512;

}  // namespace

Reload::Reload(BusState& state, Delivery& delivery, SettingsSource& source, ReloadHost& host)
    : state_(state),
      delivery_(delivery),
      source_(source),
      host_(host),
      next_load_(state.loop, [this] { start(); }) {}

void Reload::request() {
    want(Urgency::AtOnce);
}

bus::Result<void, ErrorReply> Reload::request(const Peer& caller, std::uint32_t serial) {
    const auto urgency = state_.may_administer(caller.user()) ? Urgency::AtOnce : Urgency::InTime;
    if (!has_room_for(caller, urgency)) {
        return bus::Unexpected{ErrorReply{bus::error_name::kLimitsExceeded,
                                          "Too many calls wait for a reload already"}};
    }
    answered_by_next_.push_back({caller.id(), serial});
    want(urgency);
    return {};
}

bool Reload::has_room_for(const Peer& caller, Urgency urgency) const {
    const auto count_in = [&](const std::vector<Call>& calls) {
        return std::ranges::count(calls, caller.id(), &Call::caller);
    };
    const std::size_t waiting = answered_by_this_.size() + answered_by_next_.size();
    const bool is_administrator = urgency == Urgency::AtOnce;
    return waiting < (is_administrator ? kMaxWaitingCalls : kMaxWaitingCallsOfOthers) &&
           count_in(answered_by_this_) + count_in(answered_by_next_) < kMaxWaitingCallsPerPeer;
}

/// The load itself costs everybody time, so those who may not administer the bus share one a
/// second.
void Reload::want(Urgency urgency) {
    if (loading_) {
        if (!wanted_ || urgency == Urgency::AtOnce) wanted_ = urgency;
    } else if (urgency == Urgency::AtOnce || !last_load_ ||
               state_.loop.now() >= *last_load_ + kInterval) {
        start();
    } else if (!next_load_.is_armed()) {
        next_load_.arm(*last_load_ + kInterval);
    }
}

void Reload::start() {
    next_load_.disarm();
    loading_ = true;
    wanted_.reset();
    answered_by_this_ = std::exchange(answered_by_next_, {});
    source_.load(*this);
}

void Reload::on_settings(bus::Result<ReadSettings, LoadFailure> loaded) {
    if (!loaded) {
        state_.log.error(bus::LogKind{"failed reloads"}, "Unable to reload configuration: {}",
                         loaded.error().text);
        finish(bus::Unexpected{loaded.error()});
        return;
    }
    compilation_.emplace(Compilation{loaded->limits, std::move(loaded->overrides),
                                     policy::PolicyCompilation(std::move(loaded->policy))});
    state_.loop.in_next_turn(*this);
}

void Reload::run_task() {
    compilation_->policy.advance(kRulesPerTurn);
    if (!compilation_->policy.is_complete()) {
        state_.loop.in_next_turn(*this);
        return;
    }
    host_.apply(Settings{compilation_->limits, compilation_->policy.take(),
                         std::move(compilation_->overrides)});
    compilation_.reset();
    state_.log.info(bus::LogKind{"reloads"}, "Reloaded configuration");
    finish({});
}

void Reload::finish(const bus::Result<void, LoadFailure>& outcome) {
    host_.on_reload_attempt();
    for (const Call& call : std::exchange(answered_by_this_, {}))
        answer(call, outcome);

    loading_ = false;
    last_load_ = state_.loop.now();
    if (wanted_) {
        want(*std::exchange(wanted_, std::nullopt));
    } else {
        host_.on_reloads_done();
    }
}

void Reload::answer(const Call& call, const bus::Result<void, LoadFailure>& outcome) {
    Peer* const caller = state_.peers.find(call.caller);
    if (!caller) return;
    if (!outcome) {
        delivery_.send_error(*caller, call.serial, outcome.error().error_name,
                             outcome.error().text);
        return;
    }
    delivery_.start_body();
    delivery_.send_from_driver(
        *caller, {.type = bus::MessageType::MethodReturn, .reply_serial = call.serial});
}

}  // namespace buzon::broker
