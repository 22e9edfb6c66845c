// SPDX-License-Identifier: Apache-2.0
#include "broker/reload.h"

#include <utility>

namespace buzon::broker {

namespace {

// Calls that wait while the configuration is being read; those who may make them are few.
constexpr std::size_t kMaxWaitingCalls = 1024;

}  // namespace

void Reload::request() {
    if (loading_) {
        wanted_again_ = true;
    } else {
        start();
    }
}

bus::Result<void, Refusal> Reload::request(PeerId caller, std::uint32_t serial) {
    if (answered_by_this_.size() + answered_by_next_.size() >= kMaxWaitingCalls) {
        return bus::Unexpected{
            Refusal{bus::error_name::kLimitsExceeded, "Too many calls wait for a reload already"}};
    }
    answered_by_next_.push_back({caller, serial});
    request();
    return {};
}

void Reload::start() {
    loading_ = true;
    wanted_again_ = false;
    answered_by_this_ = std::exchange(answered_by_next_, {});
    source_.load(*this);
}

void Reload::on_settings(bus::Result<Settings, LoadFailure> loaded) {
    bus::Result<void, LoadFailure> outcome;
    if (loaded) {
        host_.apply(std::move(*loaded));
        state_.log.info("Reloaded configuration");
    } else {
        state_.log.error("Unable to reload configuration: {}", loaded.error().text);
        outcome = bus::Unexpected{loaded.error()};
    }
    host_.on_reload_attempt();
    for (const Call& call : std::exchange(answered_by_this_, {}))
        answer(call, outcome);

    loading_ = false;
    if (wanted_again_) {
        start();
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
