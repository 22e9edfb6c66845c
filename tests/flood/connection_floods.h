// SPDX-License-Identifier: Apache-2.0
// Attackers who do harm by being there: connections, half-finished logins, half messages.
#pragma once

#include <cstddef>

#include "tests/flood/role.h"

namespace buzon::flood {

/// Opens connections until it has `most`, as fast as they are taken, and holds them.
[[nodiscard]] Actor connection_hoarder(std::size_t most);
/// Joins and leaves again, sixteen at a time.
[[nodiscard]] Actor connection_churner();
/// Holds `most` connections that begin to authenticate and go on a byte at a time.
[[nodiscard]] Actor half_authenticated(std::size_t most);
/// Each of `connections` announces a message, sends the head of it and a part of its body; then it
/// sends a byte now and then, or no more.
enum class Then { Dribbles, Nothing };
struct HalfMessage {
    std::size_t announced_bytes = std::size_t{32} << 20;
    std::size_t sent_bytes = std::size_t{1} << 20;
    Then then = Then::Dribbles;
};
[[nodiscard]] Actor half_messages(std::size_t connections, HalfMessage half = {});

}  // namespace buzon::flood
