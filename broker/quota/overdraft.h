// SPDX-License-Identifier: Apache-2.0
// What a program that has little on the bus may have beyond its share of bytes and awaited replies.
// While some hold all that their claims allow, others get what is guaranteed for their rank, which
// is some 100 KiB for the twentieth: too little for one whose calls wait while the machine is busy
// for a moment. Most of the pool is not held then, only claimed, so those who have little may have
// a MiB of it.
// Who calls is refused where others only have to wait, so calls may have more as long as few want
// that: what a program holds with them is at most what all together have not overdrawn of a fund, a
// 32nd of the bytes and an eighth of the replies. So the first program comes to hold half of the
// fund, the second half of that, and there is always something left for the next.
// Bound: not beyond seven eighths of the pool; what those have left who are gone may be three
// quarters of it (AccountTree), so that the living find some. Source: DESIGN, section 5, "no
// innocent peer is disconnected, refused or starved".
#pragma once

#include <cstdint>

#include "broker/quota/account.h"
#include "broker/quota/resource.h"

namespace buzon::broker {

/// Bytes of one program, whatever is guaranteed to it.
inline constexpr std::uint64_t kLittleOnBus = std::uint64_t{1} << 20;
/// As many awaited replies: the errors that may come in their place fill it.
inline constexpr std::uint64_t kFewReplies = kLittleOnBus / 256;

/// Whether so much more leaves enough of the pool to others.
[[nodiscard]] bool is_room_for_overdraft(const Account& bus, std::uint64_t bytes);

/// Whether descriptors that have come already may be kept beyond a share: while half of what is
/// there for all is free, or a quarter for a program that has none. Nobody else's share becomes
/// smaller by that.
[[nodiscard]] bool may_overdraw_descriptors(const Account& connection, std::uint64_t added);

/// Whether `connection` may have what it has been refused all the same. Never beyond a cap.
[[nodiscard]] bool may_overdraw(const Account& connection, const QuotaRefusal& refusal);
/// The same for a call that is answered with an error otherwise, and for its reply.
[[nodiscard]] bool may_overdraw_for_call(const Account& connection, const QuotaRefusal& refusal);

}  // namespace buzon::broker
