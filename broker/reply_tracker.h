// SPDX-License-Identifier: Apache-2.0
// Which reply is awaited from whom: (caller, callee, serial) of every call that wants a reply.
// Every operation is O(1), or O(1) for each call that it ends; none allocates in steady state.
// Visitors see a record after it is gone; they may call back, but not expect() from that callee.
// Timeouts: all calls wait equally long, so the oldest call is the next to expire.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "broker/peer_id.h"
#include "bus/base/hash.h"
#include "bus/base/hash_index.h"
#include "bus/base/result.h"
#include "bus/base/slab.h"

namespace buzon::broker {

enum class ExpectError : std::uint8_t { Duplicate, LimitExceeded };

struct AwaitedReply {
    PeerId caller{};
    PeerId callee{};
    std::uint32_t serial = 0;
    friend bool operator==(const AwaitedReply&, const AwaitedReply&) = default;
};

struct ReplyLimits {
    std::size_t max_replies_per_caller = std::numeric_limits<std::size_t>::max();
    /// Nothing: calls wait for ever.
    std::optional<std::chrono::milliseconds> timeout;
};

class ReplyTracker {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    explicit ReplyTracker(bus::HashSeed seed, ReplyLimits limits = {});

    /// For a reload. Calls under way keep their start, so a new timeout counts for them as well.
    void set_limits(ReplyLimits limits) { limits_ = limits; }

    /// `most`: for this caller, in place of the limit for all.
    /// Errors: Duplicate (the first to be checked), LimitExceeded; nothing is remembered then.
    bus::Result<void, ExpectError> expect(AwaitedReply awaited, TimePoint now, std::size_t most);
    bus::Result<void, ExpectError> expect(AwaitedReply awaited, TimePoint now) {
        return expect(awaited, now, limits_.max_replies_per_caller);
    }
    /// Ends the wait: the reply has come, or the call could not be delivered after all.
    /// Returns how many replies the caller still awaits; nothing where nobody waits for this one:
    /// it is not requested.
    std::optional<std::size_t> take(AwaitedReply awaited);
    [[nodiscard]] bool is_awaited(AwaitedReply awaited) const;

    /// The caller is gone: nobody waits for its replies any more. For `most` of them; true: there
    /// are no more.
    bool forget_caller(PeerId caller, std::size_t most);
    void forget_caller(PeerId caller) {
        (void)forget_caller(caller, std::numeric_limits<std::size_t>::max());
    }
    /// The callee is gone: `visit(const AwaitedReply&)` for each call, in the order of the calls.
    /// For `most` of them; true: there are no more.
    template <typename Visit>
    bool forget_callee(PeerId callee, std::size_t most, Visit&& visit) {
        for (; most > 0; --most) {
            const auto awaited = take_first_of_callee(callee);
            if (!awaited) return true;
            visit(*awaited);
        }
        if (count_of_callee(callee) > 0) return false;
        (void)take_first_of_callee(callee);  // forgets the callee itself
        return true;
    }
    template <typename Visit>
    void forget_callee(PeerId callee, Visit&& visit) {
        while (!forget_callee(callee, count_of_callee(callee) + 1, visit)) {
        }
    }
    /// `visit(const AwaitedReply&)` for each call that is over its time, oldest first; for `most`
    /// of them. True: there are no more.
    template <typename Visit>
    bool expire(TimePoint now, std::size_t most, Visit&& visit) {
        for (; most > 0; --most) {
            const auto awaited = take_first_expired(now);
            if (!awaited) return true;
            visit(*awaited);
        }
        return !is_any_expired(now);
    }
    /// When to call expire() next; nothing while nobody waits or nothing ever expires.
    [[nodiscard]] std::optional<TimePoint> next_deadline() const;

    [[nodiscard]] std::size_t count_of_caller(PeerId caller) const;
    [[nodiscard]] std::size_t count_of_callee(PeerId callee) const;
    [[nodiscard]] std::size_t size() const { return calls_.size(); }

private:
    static constexpr std::uint32_t kNone = bus::HashIndex::kNone;
    struct Link {
        std::uint32_t previous = kNone;
        std::uint32_t next = kNone;
    };
    struct List {
        std::uint32_t first = kNone;
        std::uint32_t last = kNone;
    };
    struct Call {
        AwaitedReply awaited;
        TimePoint started;
        std::uint32_t caller = kNone;  // numbers in participants_
        std::uint32_t callee = kNone;
        Link of_caller, of_callee, of_all;
    };
    /// A peer that has called or was called; kept until it is forgotten in both roles.
    struct Participant {
        PeerId peer{};
        List made, received;
        std::uint32_t made_count = 0;
        std::uint32_t received_count = 0;
    };

    [[nodiscard]] std::uint64_t hash_of(const AwaitedReply& awaited) const;
    [[nodiscard]] std::uint64_t hash_of(PeerId peer) const;
    [[nodiscard]] std::uint32_t find_call(const AwaitedReply& awaited, std::uint64_t hash) const;
    [[nodiscard]] std::uint32_t find_participant(PeerId peer) const;
    std::uint32_t find_or_add_participant(PeerId peer);
    void drop_if_idle(std::uint32_t participant);
    template <auto kLink>
    void append(List& list, std::uint32_t call);
    template <auto kLink>
    void unlink(List& list, std::uint32_t call);
    AwaitedReply end(std::uint32_t call);
    AwaitedReply end(std::uint32_t call, std::uint64_t hash);
    std::optional<AwaitedReply> take_first_of_callee(PeerId callee);
    [[nodiscard]] bool is_any_expired(TimePoint now) const;
    std::optional<AwaitedReply> take_first_expired(TimePoint now);

    bus::HashSeed seed_;
    ReplyLimits limits_;
    bus::Slab<Call> calls_;
    bus::HashIndex call_index_;
    bus::Slab<Participant> participants_;
    bus::HashIndex participant_index_;
    List all_;
};

}  // namespace buzon::broker
