// SPDX-License-Identifier: Apache-2.0
// Attackers who take as much as they get, let it go at once, and begin again.
#pragma once

#include <cstddef>
#include <string_view>

#include "tests/flood/role.h"

namespace buzon::flood {

/// Each of `connections` requests `names` names, hangs up when it has them, and joins again.
[[nodiscard]] Actor leaver_with_names(std::size_t connections, std::size_t names);

/// Each of `connections` sends broadcasts until its socket takes no more, hangs up, and joins
/// again.
[[nodiscard]] Actor leaver_with_broadcasts(std::size_t connections);

/// Each of `connections` adds as many rules of 64 conditions as it may, `most` at most, hangs up,
/// and joins again.
[[nodiscard]] Actor leaver_with_rules(std::size_t connections, std::size_t most);

/// Fills the queue of a connection of its own, which does not read, until it is not read any more
/// itself; hangs up and does the same to another one, again and again. The queues stay.
[[nodiscard]] Actor leaver_behind_full_queues();

/// Owns attack_name(`name`) and reads nothing of what it is sent; hangs up every now and then, and
/// joins again.
[[nodiscard]] Actor leaver_with_a_queue(std::string_view name);

/// Fills its share of a queue to the last byte, hangs up, and joins again: calls to the owner of
/// attack_name(`to`) as long as the bus takes them, shorter ones when it refuses one.
[[nodiscard]] Actor filler_to_the_last_byte(std::string_view to);

}  // namespace buzon::flood
