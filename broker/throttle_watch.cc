// SPDX-License-Identifier: Apache-2.0
// Nobody waits for ever: who keeps throttled senders waiting for too long is looked for and ended.
#include "broker/throttle.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace buzon::broker {

namespace {

// So many are looked at for being stuck at once. For some of them all queues are searched: so many
// queues in all, or those of the bus for one.
constexpr std::size_t kLookedAtAtOnce = 256;
constexpr std::size_t kQueuesSearchedAtOnce = 4096;

}  // namespace

void Throttle::look_for_stuck() {
    is_asking_soon_ = false;
    const auto receivers = waits_.receivers_behind(last_receiver_, kLookedAtAtOnce);
    if (!receivers.empty()) last_receiver_ = receivers.back();
    const auto senders = senders_behind(last_sender_);
    if (!senders.empty()) last_sender_ = senders.back();
    end_stuck_receivers(receivers);
    end_those_without_motion();
    end_the_dead(senders);
    ask_again(senders);
    // Whatever has been missed.
    for (const PeerId receiver : receivers)
        settle(receiver);
    settle_bus();
    if (!drained_.empty()) state_.loop.at_end_of_turn(*this);
    if (!held_.empty()) watch_on();
}

/// Many are looked at in pieces, so that each has its turn in every interval.
void Throttle::watch_on() {
    const std::size_t most = std::max(held_.size(), waits_.receiver_count());
    watch_.arm(state_.loop.now() + kWatchInterval / (most / kLookedAtAtOnce + 1));
}

/// Some of those who are held, round and round.
std::vector<PeerId> Throttle::senders_behind(PeerId after) const {
    std::vector<PeerId> senders;
    auto next = held_.upper_bound(after);
    for (auto left = std::min(held_.size(), kLookedAtAtOnce); left > 0; --left) {
        if (next == held_.end()) next = held_.begin();
        senders.push_back(next->first);
        ++next;
    }
    return senders;
}

/// What is at fault now, and whether there is room, is found out by trying: for one of each program
/// that waits for the bus, as all of them lack the same.
void Throttle::ask_again(const std::vector<PeerId>& senders) {
    std::set<const Account*> asked;
    for (const PeerId sender : senders) {
        const auto record = held_.find(sender);
        if (record == held_.end() || !record->second.is_asked_again) continue;
        const Peer* const peer = state_.peers.find(sender);
        if (peer && record->second.waits_for_bus &&
            !asked.insert(peer->account().account().parent()).second)
            continue;
        record->second.is_asked_again = false;
        const bool waits_for_own = record->second.waits_for_own;
        leave_all(sender, record->second);
        record->second.waits_for_own = waits_for_own;
        release_if_free(sender);
    }
}

bool Throttle::is_stuck(const Peer& receiver) const {
    return receiver.port().since_drained() >= receiver.port().limits().stuck_timeout;
}

/// Who waits for one that has just been ended is not stuck any more.
void Throttle::end_stuck_receivers(const std::vector<PeerId>& receivers) {
    std::vector<Peer*> stuck;
    for (const PeerId receiver : receivers) {
        Peer* const peer = state_.peers.find(receiver);
        const bool waits_only_for_itself =
            waits_.count_waiting_for(receiver) == 1 && waits_.waits(receiver, receiver);
        if (peer && !waits_only_for_itself && is_stuck(*peer)) stuck.push_back(peer);
    }
    std::sort(stuck.begin(), stuck.end(), [](const Peer* left, const Peer* right) {
        return left->port().queued_bytes() > right->port().queued_bytes();
    });
    for (Peer* const peer : stuck) {
        if (peer->is_ending() || waits_.count_waiting_for(peer->id()) == 0) continue;
        end(*peer, "others wait for room in its queue");
    }
}

/// Who waits for the bus waits for those who have something of its program, and do not move: one of
/// each program by turns, as one may have thousands who wait. Those at their own limit wait for
/// their own messages, and have their turn each. For whom nobody is to blame does not keep others
/// from being helped.
void Throttle::end_those_without_motion() {
    const std::size_t most =
        std::max<std::size_t>(1, kQueuesSearchedAtOnce / (state_.peers.complete_count() + 1));
    std::size_t left = most;
    std::optional<PeerId> first;
    for (auto looks = kLookedAtAtOnce; looks > 0 && left > 0 && !for_bus_.empty(); --looks) {
        const PeerId id = for_bus_.next();
        if (first == id) break;
        if (!first) first = id;
        if (waits_without_motion(id) && end_who_keeps_waiting(id, Search::Program)) --left;
    }
    left = most;
    for (const PeerId id : senders_behind(last_searched_for_)) {
        last_searched_for_ = id;
        const auto record = held_.find(id);
        if (record == held_.end() || !record->second.waits_for_own) continue;
        if (waits_without_motion(id) && end_who_keeps_waiting(id, Search::Sender) && --left == 0)
            return;
    }
}

/// False: the sender is not there any more.
bool Throttle::end_who_keeps_waiting(PeerId id, Search search) {
    const Peer* const sender = state_.peers.find(id);
    if (!sender) return false;
    const Holders holders = holders_of(*sender, search);
    // Whose end gives back next to nothing of that, or of what is wanted, is not ended in vain.
    const std::uint64_t much = std::max(holders.bytes, held_.at(id).wanted.bytes);
    if (search == Search::Program && holders.bytes_of_stuck < much / 4) {
        end_who_keeps_the_loan(*sender);
    } else {
        for (Peer* const peer : to_blame(holders.stuck))
            end(*peer, "others wait for room on the bus");
    }
    return true;
}

/// Who has little in any queue may need what is lent to one program of a user at a time
/// (quota/shares.h), for a message longer than its share.
void Throttle::end_who_keeps_the_loan(const Peer& sender) {
    const auto user_of = [](const Peer& peer) {
        return peer.account().account().parent()->parent();
    };
    const Peer* borrower = nullptr;
    state_.peers.for_each_active([&](const Peer& peer) {
        const bool has_loan = peer.account().account().share(Resource::Bytes).has_loan();
        if (has_loan && user_of(peer) == user_of(sender)) borrower = &peer;
    });
    if (!borrower || borrower == &sender) return;
    for (Peer* const peer : to_blame(holders_of(*borrower, Search::Program).stuck))
        end(*peer, "others wait for room on the bus");
}

bool Throttle::waits_without_motion(PeerId sender) const {
    const auto record = held_.find(sender);
    if (record == held_.end()) return false;
    const Held& held = record->second;
    return (held.waits_for_bus || held.waits_for_own) &&
           state_.loop.now() - held.since >= state_.settings.limits.stuck_timeout;
}

/// Looks at all peers, so it is done for few at a time.
Throttle::Holders Throttle::holders_of(const Peer& sender, Search search) const {
    Holders holders;
    state_.peers.for_each_active([&](Peer& peer) {
        if (peer.is_ending()) return;
        const std::uint64_t bytes = search == Search::Program
                                        ? peer.port().bytes_of(*sender.account().account().parent())
                                        : peer.port().bytes_of(*sender.in_flight());
        holders.bytes += bytes;
        if (bytes == 0 || !is_stuck(peer)) return;
        holders.bytes_of_stuck += bytes;
        holders.stuck.push_back({&peer, bytes});
    });
    return holders;
}

/// The program that has most, so that a stopped process to which little has been sent lives on; and
/// nobody who waits himself. Of several that wait for each other only the one that holds most.
std::vector<Peer*> Throttle::to_blame(const std::vector<Stuck>& all) const {
    std::map<const Account*, std::uint64_t> programs;
    const auto program_of = [](const Stuck& each) {
        return each.peer->account().account().parent();
    };
    const auto waits = [this](const Stuck& each) { return held_.contains(each.peer->id()); };
    for (const Stuck& each : all)
        if (!waits(each)) programs[program_of(each)] += each.bytes;
    if (programs.empty()) return with_largest_queue(all);
    const auto most = std::max_element(
        programs.begin(), programs.end(),
        [](const auto& left, const auto& right) { return left.second < right.second; });
    std::vector<Peer*> peers;
    for (const Stuck& each : all)
        if (!waits(each) && program_of(each) == most->first) peers.push_back(each.peer);
    return peers;
}

std::vector<Peer*> Throttle::with_largest_queue(const std::vector<Stuck>& all) {
    const auto largest =
        std::max_element(all.begin(), all.end(), [](const Stuck& left, const Stuck& right) {
            return left.peer->port().queued_bytes() < right.peer->port().queued_bytes();
        });
    if (largest == all.end()) return {};
    return {largest->peer};
}

/// Who has hung up is kept while its last messages find no room, with its names; not for ever.
void Throttle::end_the_dead(const std::vector<PeerId>& senders) {
    const auto timeout = state_.settings.limits.stuck_timeout;
    for (const PeerId id : senders) {
        const auto record = held_.find(id);
        Peer* const peer = state_.peers.find(id);
        if (record == held_.end() || !peer || !peer->has_hung_up()) continue;
        if (state_.loop.now() - peer->hung_up_at() < timeout) continue;
        peer->end_later(
            fmt::format("it hung up {} ms ago, and there is no room for all that it had sent "
                        "(stuck_timeout={}ms)",
                        std::chrono::duration_cast<std::chrono::milliseconds>(state_.loop.now() -
                                                                              peer->hung_up_at())
                            .count(),
                        timeout.count()));
    }
}

/// When its turn comes, as there may be many; but nobody waits for it any more.
void Throttle::end(Peer& receiver, std::string_view whose) {
    ++counts_.disconnected;
    receiver.end_later(fmt::format(
        "took nothing for {} ms while {} ({} bytes queued, stuck_timeout={}ms)",
        std::chrono::duration_cast<std::chrono::milliseconds>(receiver.port().since_drained())
            .count(),
        whose, receiver.port().queued_bytes(), receiver.port().limits().stuck_timeout.count()));
    forget(receiver);
}

}  // namespace buzon::broker
