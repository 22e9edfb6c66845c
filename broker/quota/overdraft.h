// SPDX-License-Identifier: Apache-2.0
// What a program that has little on the bus may have beyond its share of bytes and awaited replies.
// While some hold all that their claims allow, others get what is guaranteed for their rank, which
// is some 100 KiB for the twentieth: too little for one whose calls wait while the machine is busy
// for a moment. Most of the pool is not held then, only claimed, so those who have little may have
// a MiB of it.
// Who calls is refused where others only have to wait, so calls may have more as long as few want
// that: from a fund of a 16th of the bytes and a quarter of the replies. A user gets half of what
// other users have left of it, and a program holds, whatever it is, at most what the user's
// programs have left of that: the first half of it, the next a quarter, and so on. Of bytes the MiB
// is no part of it: who comes when all is gone has that.
// Bound: not beyond seven eighths of the pool; what those have left who are gone may be three
// quarters of it (AccountTree), so that the living find some. Source: DESIGN, section 5, "no
// innocent peer is disconnected, refused or starved".
#pragma once

#include <cstdint>
#include <optional>

#include "broker/quota/account.h"
#include "broker/quota/resource.h"

namespace buzon::broker {

/// Bytes of one program, whatever is guaranteed to it.
inline constexpr std::uint64_t kLittleOnBus = std::uint64_t{1} << 20;

/// Whether so much more leaves enough of the pool to others.
[[nodiscard]] bool is_room_for_overdraft(const Account& bus, std::uint64_t bytes);

/// Whether descriptors that have come already may be kept beyond a share: while half of what is
/// there for all is free, or a quarter for a program that has none. Nobody else's share becomes
/// smaller by that.
[[nodiscard]] bool may_overdraw_descriptors(const Account& connection, std::uint64_t added);

/// Whether `connection` may have what it has been refused all the same. Never beyond a cap.
[[nodiscard]] bool may_overdraw(const Account& connection, const QuotaRefusal& refusal);
/// The same for a call that is answered with an error otherwise, and for its reply: how it is to be
/// forced. Nothing: not at all.
[[nodiscard]] std::optional<Overdrawn> overdraft_for_call(const Account& connection,
                                                          const QuotaRefusal& refusal);

}  // namespace buzon::broker
