// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/role.h"

#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

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

void become_nobody() {
    const auto* const nobody = ::getpwnam("nobody");
    if (!nobody || ::setresgid(nobody->pw_gid, nobody->pw_gid, nobody->pw_gid) < 0 ||
        ::setresuid(nobody->pw_uid, nobody->pw_uid, nobody->pw_uid) < 0) {
        throw std::system_error(errno, std::generic_category(), "becoming nobody");
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // was forgotten with the old user
}

}  // namespace

bool can_be_played(const Attack& attack) {
    return ::geteuid() == 0 || std::none_of(attack.cast.begin(), attack.cast.end(),
                                            [](const Actor& actor) { return actor.is_nobody; });
}

std::size_t count_active(const Attack& attack) {
    return static_cast<std::size_t>(
        std::count_if(attack.cast.begin(), attack.cast.end(),
                      [](const Actor& actor) { return actor.is_active; }));
}

void play(const Actor& actor, Stage& stage) {
    auto& board = stage.board;
    const auto role = actor.make();
    try {
        if (actor.is_nobody) become_nobody();
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
