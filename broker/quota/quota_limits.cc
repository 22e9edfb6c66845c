// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/quota_limits.h"

#include <algorithm>

#include "broker/quota/holdings.h"
#include "bus/protocol.h"

namespace buzon::broker {

namespace {

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;
// A lone connection of a lone user gets an eighth of a pool or more (shares.h), and the longest
// message should fit into that.
constexpr std::uint64_t kLongestMessagesPerBus = 8;
constexpr std::uint64_t kLeastBusBytes = 256 * kMebibyte;
// One program gets a quarter of what is not in pockets, and a pocket for each connection: some 215
// MiB. With what comes beside messages (ends of blocks, tables, sockets: up to 35 MiB were seen) no
// program makes the bus grow by more than a quarter of a GiB.
constexpr std::uint64_t kMostBusBytes = 896 * kMebibyte;

// Pockets: what most connections never exceed, for as many as a large desktop has.
constexpr std::uint64_t kPockets = 2048;
constexpr std::uint64_t kPocketBytes = 32 * 1024;

// A name takes up some 300 bytes, an awaited reply 100: 150 MiB, or 100. So does a rule of few
// conditions, or a part of one that has many (weight_of() in match_rule.h).
constexpr std::uint64_t kMatchRules = std::uint64_t{1} << 19;
constexpr std::uint64_t kNames = std::uint64_t{1} << 19;
constexpr std::uint64_t kPendingReplies = std::uint64_t{1} << 20;
constexpr std::uint64_t kPocketNames = 16;
constexpr std::uint64_t kPocketRules = 32;
// What a client with many calls in flight awaits while the machine is busy for a moment.
constexpr std::uint64_t kPocketReplies = 256;
constexpr std::uint64_t kWaitingCalls = std::uint64_t{1} << 16;

// Most programs have a connection or two; a desktop has a hundred of them.
constexpr std::uint64_t kPlacesInPocket = 4;
constexpr std::uint64_t kProgramsWithPockets = 256;

// Of the descriptors of the process, what is left to sockets, files and whatever else it has.
constexpr std::uint64_t kReservedDescriptors = 64;

std::uint64_t bus_bytes(const policy::Limits& limits) {
    if (limits.max_bus_bytes > 0) return limits.max_bus_bytes;
    return std::clamp(kLongestMessagesPerBus * longest_message(limits), kLeastBusBytes,
                      kMostBusBytes);
}

/// A quarter of a pool at most is in pockets.
PoolLimits with_pockets(std::uint64_t capacity, std::uint64_t pocket, std::uint64_t loan) {
    const std::uint64_t pockets = pocket == 0 ? 0 : std::min(kPockets, capacity / 4 / pocket);
    return {.capacity = capacity,
            .pocket = pockets == 0 ? 0 : pocket,
            .pockets = pockets,
            .largest_loan = loan};
}

/// For messages under way; the rest is for connections, which stay.
std::uint64_t descriptors_of_messages(std::uint64_t usable) {
    return usable / 8;
}

/// How many there may be is said by other limits; shares see to it that no program, and no user,
/// can keep others out by using up the descriptors of the process. A lone program gets 0.65 of what
/// is not in pockets: all connections that there may be, if there are descriptors for them.
/// Pockets: what other limits don't let anybody use anyway, four for each connection there may be;
/// at least a tenth of the descriptors, and four each for 256 programs; but not more than two
/// thirds of them, which is two each for 280 programs where the process may have 1,024.
PoolLimits connections(const policy::Limits& limits, std::uint64_t usable) {
    const std::uint64_t all =
        std::uint64_t{limits.max_completed_connections} + limits.max_incomplete_connections;
    const std::uint64_t most = usable - descriptors_of_messages(usable);
    const std::uint64_t shared = all * 8 / 5 + 8;  // 0.65 of it is all
    const std::uint64_t least =
        std::min(std::max(most / 10, kPlacesInPocket * kProgramsWithPockets), most * 2 / 3);
    const std::uint64_t spare = most - std::min(most, shared);
    const std::uint64_t kept = std::min(std::max(least, spare), kPlacesInPocket * all);
    const std::uint64_t pocket =
        std::clamp(kept / kProgramsWithPockets, std::uint64_t{1}, kPlacesInPocket);
    return {.capacity = std::min(most, shared + kept),
            .pocket = pocket,
            .pockets = kept / pocket,
            .largest_loan = 1};
}

/// What all connections of one user may have together.
QuotaLimits::Caps caps_of_user(const policy::Limits& limits) {
    auto caps = QuotaLimits::no_caps();
    const auto bound = [&](Resource resource, std::uint64_t most) {
        if (most > 0) caps[static_cast<std::size_t>(resource)] = most;
    };
    bound(Resource::Bytes, limits.max_bytes_per_user);
    bound(Resource::Descriptors, limits.max_unix_fds_per_user);
    bound(Resource::MatchRules, limits.max_match_rules_per_user);
    bound(Resource::Names, limits.max_names_per_user);
    // Those of one connection are charged so many at once.
    constexpr std::uint64_t kStep = Holdings::kRepliesAtOnce;
    bound(Resource::PendingReplies, (limits.max_replies_per_user + kStep - 1) / kStep * kStep);
    return caps;
}

}  // namespace

std::uint64_t longest_message(const policy::Limits& limits) {
    return std::min<std::uint64_t>(limits.max_message_size, bus::kMaxMessageBytes);
}

PortLimits port_limits(const policy::Limits& limits) {
    return {.bytes = limits.max_outgoing_bytes,
            .descriptors = limits.max_outgoing_unix_fds,
            .largest_message_bytes = longest_message(limits),
            .largest_message_descriptors = limits.max_message_unix_fds,
            .stuck_timeout = limits.stuck_timeout};
}

QuotaLimits quota_limits(const policy::Limits& limits,
                         const UserLimits& users,
                         std::uint64_t max_descriptors) {
    const std::uint64_t usable =
        std::max(max_descriptors, 2 * kReservedDescriptors) - kReservedDescriptors;
    QuotaLimits quota;
    quota.pool(Resource::Bytes) =
        with_pockets(bus_bytes(limits), kPocketBytes, longest_message(limits));
    quota.pool(Resource::Descriptors) =
        with_pockets(descriptors_of_messages(usable), 1, limits.max_message_unix_fds);
    quota.pool(Resource::MatchRules) = with_pockets(kMatchRules, kPocketRules, 0);
    quota.pool(Resource::Names) = with_pockets(kNames, kPocketNames, 0);
    quota.pool(Resource::PendingReplies) = with_pockets(kPendingReplies, kPocketReplies, 0);
    quota.pool(Resource::Activations) = with_pockets(limits.max_pending_service_starts, 1, 0);
    quota.pool(Resource::WaitingCalls) = with_pockets(kWaitingCalls, 1, 0);
    quota.pool(Resource::Connections) = connections(limits, usable);
    quota.caps[static_cast<std::size_t>(Level::User)] = caps_of_user(limits);
    for (const auto& [uid, own] : users)
        quota.user_caps.emplace(UserId{uid}, caps_of_user(own));
    return quota;
}

}  // namespace buzon::broker
