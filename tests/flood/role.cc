// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/role.h"

#include "tests/load/client.h"

namespace buzon::flood {
namespace {

template <typename Action>
bool survives(Board& board, Action&& action) {
    try {
        action();
        return true;
    } catch (const load::HungUp&) {
        ++board.attackers_disconnected;
    } catch (const std::exception& failure) {
        board.fail(failure.what());
    }
    return false;
}

}  // namespace

void play(const Actor& actor, Stage& stage) {
    auto& board = stage.board;
    const auto role = actor.make();
    try {
        role->start(stage);
    } catch (const std::exception& failure) {
        board.fail(failure.what());
    }
    ++board.ready;
    board.wait_for(Phase::Attack);
    const bool lived = survives(board, [&] {
        while (board.phase == Phase::Attack)
            role->step(stage);
    });
    if (lived) survives(board, [&] { role->stop(stage); });
    ++board.settled;
    if (actor.lingers) board.wait_for(Phase::End);
}

}  // namespace buzon::flood
