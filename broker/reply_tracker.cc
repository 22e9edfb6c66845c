// SPDX-License-Identifier: Apache-2.0
// Every call is in one hash table and in three lists: those of its caller, those of its callee,
// and all in the order of their start. Links are record numbers, so that nothing is allocated for
// a call once there have been as many at the same time.
#include "broker/reply_tracker.h"

namespace buzon::broker {

ReplyTracker::ReplyTracker(bus::HashSeed seed, ReplyLimits limits) : seed_(seed), limits_(limits) {}

template <auto kLink>
void ReplyTracker::append(List& list, std::uint32_t call) {
    calls_[call].*kLink = {list.last, kNone};
    (list.last == kNone ? list.first : (calls_[list.last].*kLink).next) = call;
    list.last = call;
}

template <auto kLink>
void ReplyTracker::unlink(List& list, std::uint32_t call) {
    const Link mine = calls_[call].*kLink;
    (mine.previous == kNone ? list.first : (calls_[mine.previous].*kLink).next) = mine.next;
    (mine.next == kNone ? list.last : (calls_[mine.next].*kLink).previous) = mine.previous;
}

bus::Result<void, ExpectError> ReplyTracker::expect(AwaitedReply awaited,
                                                    TimePoint now,
                                                    std::size_t most) {
    const std::uint64_t hash = hash_of(awaited);
    if (find_call(awaited, hash) != kNone) return bus::Unexpected{ExpectError::Duplicate};
    const std::uint32_t caller = find_or_add_participant(awaited.caller);
    if (participants_[caller].made_count >= most) {
        return bus::Unexpected{ExpectError::LimitExceeded};
    }
    const std::uint32_t callee = find_or_add_participant(awaited.callee);

    const std::uint32_t call = calls_.add({awaited, now, caller, callee, {}, {}, {}});
    call_index_.insert(hash, call);
    Participant& maker = participants_[caller];
    Participant& receiver = participants_[callee];
    append<&Call::of_caller>(maker.made, call);
    append<&Call::of_callee>(receiver.received, call);
    append<&Call::of_all>(all_, call);
    ++maker.made_count;
    ++receiver.received_count;
    return {};
}

std::optional<std::size_t> ReplyTracker::take(AwaitedReply awaited) {
    const std::uint64_t hash = hash_of(awaited);
    const std::uint32_t call = find_call(awaited, hash);
    if (call == kNone) return std::nullopt;
    const std::uint32_t caller = calls_[call].caller;
    end(call, hash);
    return participants_[caller].made_count;
}

bool ReplyTracker::is_awaited(AwaitedReply awaited) const {
    return find_call(awaited, hash_of(awaited)) != kNone;
}

bool ReplyTracker::forget_caller(PeerId caller, std::size_t most) {
    const std::uint32_t participant = find_participant(caller);
    if (participant == kNone) return true;
    for (; most > 0 && participants_[participant].made.first != kNone; --most)
        end(participants_[participant].made.first);
    if (participants_[participant].made.first != kNone) return false;
    drop_if_idle(participant);
    return true;
}

std::optional<AwaitedReply> ReplyTracker::take_first_of_callee(PeerId callee) {
    const std::uint32_t participant = find_participant(callee);
    if (participant == kNone) return std::nullopt;
    const std::uint32_t first = participants_[participant].received.first;
    if (first != kNone) return end(first);
    drop_if_idle(participant);
    return std::nullopt;
}

bool ReplyTracker::is_any_expired(TimePoint now) const {
    const auto deadline = next_deadline();
    return deadline && *deadline <= now;
}

std::optional<AwaitedReply> ReplyTracker::take_first_expired(TimePoint now) {
    if (!is_any_expired(now)) return std::nullopt;
    return end(all_.first);
}

std::optional<ReplyTracker::TimePoint> ReplyTracker::next_deadline() const {
    if (!limits_.timeout || all_.first == kNone) return std::nullopt;
    return calls_[all_.first].started + *limits_.timeout;
}

std::size_t ReplyTracker::count_of_caller(PeerId caller) const {
    const std::uint32_t participant = find_participant(caller);
    return participant == kNone ? 0 : participants_[participant].made_count;
}

std::size_t ReplyTracker::count_of_callee(PeerId callee) const {
    const std::uint32_t participant = find_participant(callee);
    return participant == kNone ? 0 : participants_[participant].received_count;
}

std::uint64_t ReplyTracker::hash_of(const AwaitedReply& awaited) const {
    const auto caller = static_cast<std::uint64_t>(awaited.caller);
    const auto callee = static_cast<std::uint64_t>(awaited.callee);
    return bus::hash_words(caller ^ (std::uint64_t{awaited.serial} << 32), callee, seed_);
}

std::uint64_t ReplyTracker::hash_of(PeerId peer) const {
    return bus::hash_words(static_cast<std::uint64_t>(peer), 0, seed_);
}

std::uint32_t ReplyTracker::find_call(const AwaitedReply& awaited, std::uint64_t hash) const {
    return call_index_.find(hash,
                            [&](std::uint32_t call) { return calls_[call].awaited == awaited; });
}

std::uint32_t ReplyTracker::find_participant(PeerId peer) const {
    return participant_index_.find(
        hash_of(peer), [&](std::uint32_t number) { return participants_[number].peer == peer; });
}

std::uint32_t ReplyTracker::find_or_add_participant(PeerId peer) {
    std::uint32_t participant = find_participant(peer);
    if (participant == kNone) {
        participant = participants_.add({peer, {}, {}, 0, 0});
        participant_index_.insert(hash_of(peer), participant);
    }
    return participant;
}

/// Only when a peer goes: one that stays will call again, and its record with it.
void ReplyTracker::drop_if_idle(std::uint32_t participant) {
    const Participant& idle = participants_[participant];
    if (idle.made.first != kNone || idle.received.first != kNone) return;
    participant_index_.erase(hash_of(idle.peer), participant);
    participants_.remove(participant);
}

AwaitedReply ReplyTracker::end(std::uint32_t call) {
    return end(call, hash_of(calls_[call].awaited));
}

AwaitedReply ReplyTracker::end(std::uint32_t call, std::uint64_t hash) {
    const Call& ended = calls_[call];
    const AwaitedReply awaited = ended.awaited;
    Participant& caller = participants_[ended.caller];
    Participant& callee = participants_[ended.callee];
    unlink<&Call::of_caller>(caller.made, call);
    unlink<&Call::of_callee>(callee.received, call);
    unlink<&Call::of_all>(all_, call);
    --caller.made_count;
    --callee.received_count;
    call_index_.erase(hash, call);
    calls_.remove(call);
    return awaited;
}

}  // namespace buzon::broker
