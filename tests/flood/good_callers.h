// SPDX-License-Identifier: Apache-2.0
// The calling side of the eight good pairs, in one process: calls fall due at a fixed rate whatever
// the bus does, and their latency counts from then on. Beside them a publisher sends a signal each
// 10 ms. With rate 0 each caller keeps 16 calls in flight instead: what the bus can carry.
#pragma once

#include <string>

#include "tests/flood/board.h"

namespace buzon::flood {

inline constexpr std::string_view kNewsInterface = "org.buzon.Flood.News";
[[nodiscard]] std::string good_name(std::size_t pair);

/// Runs until Phase::End; no call is due before Phase::WarmUp and from Phase::Quiet on.
void play_good_callers(const std::string& socket_path, Board& board);

}  // namespace buzon::flood
