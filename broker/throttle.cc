// SPDX-License-Identifier: Apache-2.0
#include "broker/throttle.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "bus/base/log.h"

namespace buzon::broker {

namespace {

// A sender goes on when there is room for so much; a longer message may stop it again.
constexpr std::size_t kRoomToGoOn = 64 * 1024;
constexpr bus::Duration kAskedAgainAfter = std::chrono::milliseconds(200);
// Of those who wait for one queue, or for the bus, so many are asked at once; so many go on at
// once.
constexpr std::size_t kAskedAtOnce = 64;
constexpr std::size_t kReleasedAtOnce = 256;
// In the units of FairTurns, as this is on nobody's time.
constexpr std::uint64_t kWorkInATurn = FairTurns::kTurnBudget / 4;
// Of a search for circles, in the units of FairTurns: some nanoseconds each.
constexpr std::size_t kCostPerStep = 32;
// A sender stopped again within this time since the last is no news for the log: one flood, one
// line, however often it is stopped and goes on.
constexpr auto kSameFlood = std::chrono::seconds(10);

constexpr bus::LogKind kThrottleLog{"throttled senders"};

std::uint64_t milliseconds(bus::Duration duration) {
    const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
    return static_cast<std::uint64_t>(count);
}

}  // namespace

Throttle::Throttle(BusState& state, HeldSenderHandler& handler)
    : state_(state), handler_(handler), watch_(state.loop, [this] { look_for_stuck(); }) {}

Throttle::Reading Throttle::hold(Peer& sender, Peer& receiver, const Room& message) {
    Held& record = held(sender);
    waits_.add(sender.id(), receiver.id());
    if (record.beyond_share + message.bytes <= kCircleAllowance &&
        closes_circle(sender, receiver)) {
        record.beyond_share += message.bytes;
        return Reading::GoesOn;
    }
    record.wanted.grow_to(message);
    if (stop_reading(sender, record)) log_throttled(sender, receiver);
    return Reading::Stopped;
}

bool Throttle::is_news(const Peer& sender) {
    const auto now = state_.loop.now();
    const auto [place, is_new] = last_stops_.try_emplace(sender.id(), now);
    return now - std::exchange(place->second, now) >= kSameFlood || is_new;
}

void Throttle::log_throttled(const Peer& sender, const Peer& receiver) {
    if (!is_news(sender)) return;
    state_.log.info(kThrottleLog, sender.log_party(),
                    "Throttled {} ({}): its part of the queue of {} ({}) is full ({})",
                    sender.unique_name(), sender.describe(), receiver.unique_name(),
                    receiver.describe(), receiver.port().describe_fullness());
}

void Throttle::hold_for_bus(Peer& sender, const Room& wanted, Overdraft overdraft) {
    Held& record = held(sender);
    record.wanted.grow_to(wanted);
    if (overdraft == Overdraft::No) record.may_overdraw = false;
    if (!record.waits_for_bus) {
        record.waits_for_bus = true;
        record.place_for_bus = for_bus_.add(sender.id(), *sender.account().account().parent());
    }
    if (stop_reading(sender, record)) log_throttled_by_bus(sender, wanted);
}

void Throttle::log_throttled_by_bus(const Peer& sender, const Room& wanted) {
    if (!is_news(sender)) return;
    const InFlight& under_way = *sender.in_flight();
    const Account& account = under_way.payer()->account();
    const bool is_bytes = !account.share(Resource::Descriptors).check(wanted.descriptors);
    state_.log.info(kThrottleLog, sender.log_party(),
                    "Throttled {} ({}): its program may have no more on the bus ({} {} under way, "
                    "{} more wanted)",
                    sender.unique_name(), sender.describe(),
                    is_bytes ? under_way.bytes() : under_way.descriptors(),
                    name_of(is_bytes ? Resource::Bytes : Resource::Descriptors),
                    is_bytes ? wanted.bytes : wanted.descriptors);
}

void Throttle::watch(Peer& sender) {
    Held& record = held(sender);
    if (std::exchange(record.waits_for_own, true) || record.is_stopped) return;
    ++counts_.throttled;
    if (!is_news(sender)) return;
    const policy::Limits& limits = state_.settings.limits;
    state_.log.info(kThrottleLog, sender.log_party(),
                    "Throttled {} ({}): what it has under way fills its limit ({} bytes, "
                    "max_incoming_bytes={}; {} descriptors, max_incoming_unix_fds={})",
                    sender.unique_name(), sender.describe(), sender.in_flight()->bytes(),
                    limits.max_incoming_bytes, sender.in_flight()->descriptors(),
                    limits.max_incoming_unix_fds);
}

void Throttle::ask_again_soon(const Peer& sender) {
    held_.at(sender.id()).is_asked_again = true;
    if (!std::exchange(is_asking_soon_, true)) watch_.arm(state_.loop.now() + kAskedAgainAfter);
}

void Throttle::unwatch(const Peer& sender) {
    const auto record = held_.find(sender.id());
    if (record == held_.end()) return;
    record->second.waits_for_own = false;
    release_if_free(sender.id());
}

Throttle::Held& Throttle::held(Peer& sender) {
    const auto [place, is_new] = held_.try_emplace(sender.id());
    if (is_new) place->second.since = state_.loop.now();
    if (!watch_.is_armed()) watch_.arm(state_.loop.now() + kWatchInterval);
    return place->second;
}

/// False: it is not read anyway.
bool Throttle::stop_reading(Peer& sender, Held& held) {
    if (held.is_stopped) return false;
    held.is_stopped = true;
    if (!held.waits_for_own) ++counts_.throttled;
    sender.stop_reading();
    return true;
}

void Throttle::on_drained(const Peer& receiver) {
    if (held_.empty()) return;
    if (receiver.has_id() && waits_.count_waiting_for(receiver.id()) > 0)
        drained_.insert(receiver.id());
    state_.loop.at_end_of_turn(*this);
}

void Throttle::run_task() {
    for (const PeerId receiver : std::exchange(drained_, {}))
        settle(receiver);
    settle_bus();
    // One may cost much more than its part of a turn: then the next ones are left out.
    work_owed_ -= std::min(work_owed_, kWorkInATurn);
    for (auto left = std::min(free_.size(), kReleasedAtOnce); left > 0; --left) {
        if (work_owed_ > kWorkInATurn) break;
        const std::uint64_t before = handler_.work();
        const PeerId sender = free_.front();
        free_.pop_front();
        release(sender);
        work_owed_ += handler_.work() - before;
    }
    if (!free_.empty() || !drained_.empty()) state_.loop.in_next_turn(next_turn_);
}

void Throttle::go_on_in_new_turn() {
    may_ask_ = kMostAskedInATurn;
    state_.loop.at_end_of_turn(*this);
}

/// Lets those go on for whom there is room.
void Throttle::settle(PeerId receiver) {
    Peer* const peer = state_.peers.find(receiver);
    if (!peer) return;
    const std::size_t waiting = waits_.count_waiting_for(receiver);
    bool is_more = waiting > 0 && may_ask_ == 0;
    for (auto left = std::min({waiting, kAskedAtOnce, may_ask_}); left > 0; --left) {
        --may_ask_;
        ++asked_;
        const PeerId sender = *waits_.first_waiting_for(receiver);
        const Peer* const asked = state_.peers.find(sender);
        Room wanted = held_.at(sender).wanted;
        wanted.grow_to({.bytes = kRoomToGoOn});
        if (asked && !peer->port().has_room_for(*asked->in_flight(), wanted) &&
            !peer->port().empty()) {
            waits_.send_to_the_end(sender, receiver);
            continue;
        }
        is_more = true;
        waits_.remove(sender, receiver);
        release_if_free(sender);
    }
    // Nothing may drain any more that would ask the others.
    if (is_more && waits_.count_waiting_for(receiver) > 0) drained_.insert(receiver);
}

void Throttle::settle_bus() {
    for_bus_.ask_some(
        kAskedAtOnce,
        [this](PeerId sender) {
            const Peer* const waiting = state_.peers.find(sender);
            return !waiting || has_room_to_go_on(*waiting, held_.at(sender));
        },
        [this](PeerId sender) {
            held_.at(sender).waits_for_bus = false;
            release_if_free(sender);
        });
}

/// For more than the one message, or it would be stopped and asked again with each that leaves;
/// unless nothing of it is under way, as it may never have room for more.
bool Throttle::has_room_to_go_on(const Peer& sender, const Held& held) {
    const Room& wanted = held.wanted;
    Room more = wanted;
    more.grow_to({.bytes = kRoomToGoOn});
    InFlight& under_way = *sender.in_flight();
    if (under_way.has_room_for(more.bytes, more.descriptors, held.may_overdraw)) return true;
    return under_way.queued_bytes() == 0 &&
           under_way.has_room_for(wanted.bytes, wanted.descriptors, held.may_overdraw);
}

/// What is held of it may wake others, so that is done when nothing else is going on.
void Throttle::release_if_free(PeerId sender) {
    const auto record = held_.find(sender);
    if (record == held_.end() || is_waiting(sender, record->second)) return;
    if (std::exchange(record->second.is_free, true)) return;
    free_.push_back(sender);
    // Not in this one: who finds no room after all would be asked again and again.
    state_.loop.in_next_turn(next_turn_);
}

bool Throttle::is_waiting(PeerId sender, const Held& held) const {
    return !waits_.receivers_of(sender).empty() || held.waits_for_bus || held.waits_for_own;
}

/// The record stays until nothing is held any more: who is held again has never been read between.
void Throttle::release(PeerId sender) {
    const auto record = held_.find(sender);
    if (record == held_.end()) return;
    Held& held = record->second;
    held.is_free = false;
    if (is_waiting(sender, held)) return;
    Peer* const peer = state_.peers.find(sender);
    if (!peer || !held.is_stopped) {
        held_.erase(record);
        return;
    }
    held.wanted = {};
    held.may_overdraw = true;
    if (handler_.on_room(*peer)) go_on(*peer);
}

void Throttle::go_on(Peer& sender) {
    const auto record = held_.find(sender.id());
    if (record == held_.end()) return;
    const auto waited = state_.loop.now() - std::exchange(record->second.since, state_.loop.now());
    // What has gone beyond its share just now is remembered until it has left.
    record->second.is_stopped = false;
    if (!is_waiting(sender.id(), record->second)) held_.erase(record);
    sender.go_on_reading();
    if (waited > kSameFlood)
        state_.log.info(kThrottleLog, sender.log_party(), "{} ({}) goes on after {} ms",
                        sender.unique_name(), sender.describe(), milliseconds(waited));
}

void Throttle::let_go(const Peer& sender) {
    if (!sender.has_id()) return;
    const auto record = held_.find(sender.id());
    if (record == held_.end()) return;
    leave_all(sender.id(), record->second);
    release_if_free(sender.id());
}

void Throttle::leave_all(PeerId sender, Held& record) {
    for (auto left = waits_.receivers_of(sender); !left.empty(); left = waits_.receivers_of(sender))
        waits_.remove(sender, left.back());
    if (std::exchange(record.waits_for_bus, false)) for_bus_.remove(record.place_for_bus);
    record.waits_for_own = false;
}

void Throttle::forget(const Peer& peer) {
    if (!peer.has_id()) return;
    const PeerId id = peer.id();
    last_stops_.erase(id);
    if (const auto record = held_.find(id); record != held_.end()) {
        leave_all(id, record->second);
        held_.erase(record);
    }
    while (const auto sender = waits_.first_waiting_for(id)) {
        waits_.remove(*sender, id);
        release_if_free(*sender);
    }
    // What it held is free for those who wait for the bus.
    if (!for_bus_.empty()) state_.loop.at_end_of_turn(*this);
}

std::optional<bus::TimePoint> Throttle::held_since(PeerId sender) const {
    const auto record = held_.find(sender);
    if (record == held_.end() || !record->second.is_stopped) return std::nullopt;
    return record->second.since;
}

/// Whether `receiver` waits, perhaps through others, for `sender`.
bool Throttle::closes_circle(Peer& sender, const Peer& receiver) const {
    if (&sender == &receiver) return false;
    const auto before = waits_.steps();
    const bool closes = waits_.leads_to(receiver.id(), sender.id());
    sender.charge_turn((waits_.steps() - before) * kCostPerStep);
    return closes;
}

}  // namespace buzon::broker
