// SPDX-License-Identifier: Apache-2.0
// What is charged, at which levels, and what a refusal says.
// Amounts are 64-bit: bytes of Bytes, pieces of all others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/quota/shares.h"

namespace buzon::broker {

enum class Resource : std::uint8_t {
    Bytes,
    Descriptors,
    MatchRules,
    Names,
    PendingReplies,
    Activations,
    WaitingCalls,
    Connections,
};
inline constexpr std::size_t kResourceCount = 8;

enum class Level : std::uint8_t { Bus, User, Principal, Connection };
inline constexpr std::size_t kLevelCount = 4;

/// `match rules`, `connection`, as in texts.
[[nodiscard]] std::string_view name_of(Resource resource);
[[nodiscard]] std::string_view name_of(Level level);

/// Why a charge was refused: who at `level` stood in the way, in the bus's pool or in a port's.
struct QuotaRefusal {
    enum class Pool : std::uint8_t { Bus, Port };

    Resource resource;
    Level level;
    Share::Reason reason;
    Pool pool = Pool::Bus;
    std::uint64_t amount;  // asked for
    std::uint64_t held;    // by the account at `level`, with all below it
    std::uint64_t limit;   // Cap: the account's; Share: of the whole pool
    std::size_t sharers;  // accounts at `level` that share with it and hold more than their pockets
};

[[nodiscard]] QuotaRefusal refusal_of(Resource resource,
                                      Level level,
                                      const Share::Refused& refused,
                                      std::uint64_t amount);

/// `9000 more bytes: the user holds 80000 of 100000 that 3 share`
[[nodiscard]] std::string describe(const QuotaRefusal& refusal);

}  // namespace buzon::broker
