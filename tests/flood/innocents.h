// SPDX-License-Identifier: Apache-2.0
// Those whom no attack may harm, besides the callers: callees and listeners who answer and read;
// idlers, who own a name or subscribe to what never comes; newcomers, who join each 200 ms.
// Each function is the whole life of a process, until Phase::End.
#pragma once

#include <string>

#include "tests/flood/board.h"

namespace buzon::flood {

void play_callees_and_listeners(const std::string& socket_path, Board& board);
void play_idlers(const std::string& socket_path, Board& board);
void play_newcomers(const std::string& socket_path, Board& board);

}  // namespace buzon::flood
