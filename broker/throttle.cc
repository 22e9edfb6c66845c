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
// How often receivers are looked at that others wait for.
constexpr auto kWatchInterval = std::chrono::seconds(1);
// Of those who wait for the bus, so many are asked at once.
constexpr std::size_t kAskedAtOnce = 64;
// A sender stopped again within this time is no news for the log.
constexpr auto kSameFlood = std::chrono::seconds(10);
constexpr std::size_t kLongestCircle = 1024;

constexpr bus::LogKind kThrottleLog{"throttled senders"};

std::uint64_t milliseconds(bus::Duration duration) {
    const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
    return static_cast<std::uint64_t>(count);
}

}  // namespace

Throttle::Throttle(BusState& state, PeerRetirer& retirer, HeldSenderHandler& handler)
    : state_(state),
      retirer_(retirer),
      handler_(handler),
      watch_(state.loop, [this] { look_for_stuck(); }) {}

Throttle::Reading Throttle::hold(Peer& sender, Peer& receiver, std::uint64_t bytes) {
    Held& record = held(sender);
    const bool is_new = std::find(record.receivers.begin(), record.receivers.end(),
                                  receiver.id()) == record.receivers.end();
    if (is_new) {
        record.receivers.push_back(receiver.id());
        queues_[receiver.id()].senders.push_back(sender.id());
    }
    if (record.beyond_share + bytes <= kCircleAllowance &&
        closes_circle(sender.id(), receiver.id())) {
        record.beyond_share += bytes;
        return Reading::GoesOn;
    }
    record.wanted = std::max(record.wanted, bytes);
    stop_reading(sender, record);
    if (is_new) log_throttled(sender, receiver);
    return Reading::Stopped;
}

void Throttle::log_throttled(const Peer& sender, const Peer& receiver) {
    state_.log.info(kThrottleLog,
                    "Throttled {} ({}): its part of the queue of {} ({}) is full ({} bytes queued, "
                    "max_outgoing_bytes={})",
                    sender.unique_name(), sender.describe(), receiver.unique_name(),
                    receiver.describe(), receiver.port().queued_bytes(),
                    receiver.port().limits().bytes);
}

void Throttle::hold_for_bus(Peer& sender, std::uint64_t bytes) {
    Held& record = held(sender);
    record.wanted = std::max(record.wanted, bytes);
    if (!record.waits_for_bus) {
        record.waits_for_bus = true;
        for_bus_.push_back(sender.id());
        state_.log.info(kThrottleLog,
                        "Throttled {} ({}): its program may have no more on the bus ({} bytes "
                        "under way, {} more wanted)",
                        sender.unique_name(), sender.describe(), sender.in_flight()->bytes(),
                        bytes);
    }
    stop_reading(sender, record);
}

void Throttle::watch(Peer& sender) {
    held(sender).waits_for_own = true;
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

void Throttle::stop_reading(Peer& sender, Held& held) {
    if (held.is_stopped) return;
    held.is_stopped = true;
    ++counts_.throttled;
    sender.stop_reading();
}

void Throttle::on_drained(const Peer& receiver) {
    if (held_.empty()) return;
    if (receiver.has_id()) {
        const auto queue = queues_.find(receiver.id());
        if (queue != queues_.end() && !std::exchange(queue->second.is_drained, true))
            drained_.push_back(receiver.id());
    }
    state_.loop.at_end_of_turn(*this);
}

void Throttle::run_task() {
    for (const PeerId receiver : std::exchange(drained_, {}))
        settle(receiver);
    settle_bus();
    for (const PeerId sender : std::exchange(free_, {}))
        release(sender);
}

/// Lets those go on for whom there is room.
void Throttle::settle(PeerId receiver) {
    const auto queue = queues_.find(receiver);
    Peer* const peer = state_.peers.find(receiver);
    if (queue == queues_.end() || !peer) return;
    queue->second.is_drained = false;
    const auto senders = queue->second.senders;
    for (const PeerId sender : senders) {
        const Peer* const waiting = state_.peers.find(sender);
        const auto wanted = std::max<std::uint64_t>(held_.at(sender).wanted, kRoomToGoOn);
        if (waiting && !peer->port().has_room_for(*waiting->in_flight(), wanted) &&
            !peer->port().empty())
            continue;
        if (leave_queue(sender, receiver)) release_if_free(sender);
    }
}

void Throttle::settle_bus() {
    auto left = std::min(for_bus_.size(), kAskedAtOnce);
    for (; left > 0; --left) {
        const PeerId sender = for_bus_.front();
        for_bus_.erase(for_bus_.begin());
        const auto record = held_.find(sender);
        Peer* const waiting = state_.peers.find(sender);
        if (record == held_.end() || !waiting) continue;
        const Account& account = waiting->in_flight()->payer()->account();
        if (account.share(Resource::Bytes).check(record->second.wanted)) {
            for_bus_.push_back(sender);
            continue;
        }
        record->second.waits_for_bus = false;
        release_if_free(sender);
    }
}

/// False: it did not stand there.
bool Throttle::leave_queue(PeerId sender, PeerId receiver) {
    const auto queue = queues_.find(receiver);
    if (queue == queues_.end()) return false;
    const bool left = std::erase(queue->second.senders, sender) > 0;
    if (queue->second.senders.empty()) queues_.erase(queue);
    if (const auto record = held_.find(sender); record != held_.end())
        std::erase(record->second.receivers, receiver);
    return left;
}

/// What is held of it may wake others, so that is done when the turn is over.
void Throttle::release_if_free(PeerId sender) {
    const auto record = held_.find(sender);
    if (record == held_.end() || is_waiting(record->second)) return;
    if (std::exchange(record->second.is_free, true)) return;
    free_.push_back(sender);
    state_.loop.at_end_of_turn(*this);
}

bool Throttle::is_waiting(const Held& held) {
    return !held.receivers.empty() || held.waits_for_bus || held.waits_for_own;
}

void Throttle::release(PeerId sender) {
    const auto record = held_.find(sender);
    if (record == held_.end()) return;
    record->second.is_free = false;
    if (is_waiting(record->second)) return;
    const auto since = record->second.since;
    const bool was_stopped = record->second.is_stopped;
    held_.erase(record);
    Peer* const peer = state_.peers.find(sender);
    if (!peer || !was_stopped) return;
    if (!handler_.on_room(*peer)) {
        // It has not been read in between.
        if (const auto again = held_.find(sender); again != held_.end())
            again->second.since = since;
        return;
    }
    peer->go_on_reading();
    if (const auto waited = state_.loop.now() - since; waited > kSameFlood)
        state_.log.info(kThrottleLog, "{} ({}) goes on after {} ms", peer->unique_name(),
                        peer->describe(), milliseconds(waited));
}

void Throttle::let_go(const Peer& sender) {
    if (!sender.has_id()) return;
    const auto record = held_.find(sender.id());
    if (record == held_.end()) return;
    leave_all(sender.id(), record->second);
    release_if_free(sender.id());
}

void Throttle::leave_all(PeerId sender, Held& record) {
    const auto receivers = record.receivers;
    for (const PeerId receiver : receivers)
        (void)leave_queue(sender, receiver);
    if (std::exchange(record.waits_for_bus, false)) std::erase(for_bus_, sender);
    record.waits_for_own = false;
}

void Throttle::forget(const Peer& peer) {
    if (!peer.has_id()) return;
    const PeerId id = peer.id();
    if (const auto record = held_.find(id); record != held_.end()) {
        leave_all(id, record->second);
        held_.erase(record);
    }
    if (const auto queue = queues_.find(id); queue != queues_.end()) {
        const auto senders = queue->second.senders;
        for (const PeerId sender : senders)
            if (leave_queue(sender, id)) release_if_free(sender);
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
bool Throttle::closes_circle(PeerId sender, PeerId receiver) const {
    if (sender == receiver) return false;
    std::vector<PeerId> seen{receiver};
    for (std::size_t i = 0; i < seen.size() && i < kLongestCircle; ++i) {
        const auto record = held_.find(seen[i]);
        if (record == held_.end()) continue;
        for (const PeerId next : record->second.receivers) {
            if (next == sender) return true;
            if (std::find(seen.begin(), seen.end(), next) == seen.end()) seen.push_back(next);
        }
    }
    return false;
}

void Throttle::look_for_stuck() {
    end_stuck_receivers();
    end_largest_stuck_queue();
    end_the_dead();
    // Whatever has been missed.
    std::vector<PeerId> receivers;
    for (const auto& [receiver, queue] : queues_)
        receivers.push_back(receiver);
    for (const PeerId receiver : receivers)
        settle(receiver);
    settle_bus();
    if (!held_.empty()) watch_.arm(state_.loop.now() + kWatchInterval);
}

bool Throttle::is_stuck(const Peer& receiver) const {
    return receiver.port().since_drained() >= receiver.port().limits().stuck_timeout;
}

/// Who waits for one that has just been ended is not stuck any more.
void Throttle::end_stuck_receivers() {
    std::vector<Peer*> stuck;
    for (const auto& [receiver, queue] : queues_) {
        Peer* const peer = state_.peers.find(receiver);
        const bool waits_only_for_itself =
            queue.senders.size() == 1 && queue.senders.front() == receiver;
        if (peer && !waits_only_for_itself && is_stuck(*peer)) stuck.push_back(peer);
    }
    std::sort(stuck.begin(), stuck.end(), [](const Peer* left, const Peer* right) {
        return left->port().queued_bytes() > right->port().queued_bytes();
    });
    for (Peer* const peer : stuck) {
        const auto queue = queues_.find(peer->id());
        if (peer->is_retired() || queue == queues_.end()) continue;
        end(*peer, "others wait for room in its queue");
    }
}

/// Who waits for the bus waits for those who have something of his: of these the one that holds
/// most of what does not move.
void Throttle::end_largest_stuck_queue() {
    std::vector<PeerId> waiting;
    for (const auto& [id, record] : held_)
        if (record.waits_for_bus || record.waits_for_own) waiting.push_back(id);
    for (const PeerId id : waiting) {
        const auto record = held_.find(id);
        const Peer* const sender = state_.peers.find(id);
        const auto timeout = state_.settings.limits.stuck_timeout;
        if (record == held_.end() || !sender || state_.loop.now() - record->second.since < timeout)
            continue;
        Peer* largest = nullptr;
        state_.peers.for_each_active([&](Peer& peer) {
            if (!peer.port().holds_messages_of(*sender->in_flight()) || !is_stuck(peer)) return;
            if (!largest || peer.port().queued_bytes() > largest->port().queued_bytes())
                largest = &peer;
        });
        if (largest) end(*largest, "others wait for room on the bus");
    }
}

/// Who has hung up is kept while its last messages find no room, with its names; not for ever.
void Throttle::end_the_dead() {
    const auto timeout = state_.settings.limits.stuck_timeout;
    std::vector<Peer*> dead;
    for (const auto& [id, record] : held_) {
        Peer* const peer = state_.peers.find(id);
        if (peer && peer->has_hung_up() && state_.loop.now() - record.since >= timeout)
            dead.push_back(peer);
    }
    for (Peer* const peer : dead)
        retirer_.retire(*peer, fmt::format("it has hung up, and for {} ms there has been no room "
                                           "for what it had sent (stuck_timeout={}ms)",
                                           timeout.count(), timeout.count()));
}

void Throttle::end(Peer& receiver, std::string_view whose) {
    ++counts_.disconnected;
    retirer_.retire(
        receiver,
        fmt::format("took nothing for {} ms while {} ({} bytes queued, stuck_timeout={}ms)",
                    milliseconds(receiver.port().since_drained()), whose,
                    receiver.port().queued_bytes(),
                    receiver.port().limits().stuck_timeout.count()));
}

}  // namespace buzon::broker
