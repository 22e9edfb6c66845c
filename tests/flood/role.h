// SPDX-License-Identifier: Apache-2.0
// One process of an attack, and the attack as the list of them. A role is made in its own process.
// It prepares itself in start(), before anything is measured; step() is called again and again
// while the attack lasts and takes 20 ms at most; stop() cleans up or reads what it had left
// unread. Then it ends, and with it its connections. Errors: what start() throws ends the scene; a
// disconnection later on is counted, for an attacker.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/flood/board.h"

namespace buzon::flood {

/// What a role sees of its surroundings.
struct Stage {
    std::string socket_path;
    Board& board;
};

class Role {
public:
    Role() = default;
    Role(const Role&) = delete;
    Role& operator=(const Role&) = delete;
    virtual ~Role() = default;

    virtual void start(Stage& stage) = 0;
    virtual void step(Stage& stage) = 0;
    virtual void stop(Stage&) {}
};

struct Actor {
    std::function<std::unique_ptr<Role>()> make;
    bool is_active = true;      // burns CPU: has a stand-in that does so in the baseline
    bool lingers = false;       // stays, with all it has, until the scene has ended
    bool is_nobody = false;     // another user; needs root
    bool stops_itself = false;  // with SIGSTOP, and is woken after the attack
};

struct Attack {
    std::string_view name;
    std::string_view about;
    std::vector<Actor> cast;  // started in this order
    /// <limit> elements of this attack, for buses that read a configuration.
    std::vector<std::pair<std::string, std::uint64_t>> limits = {};
    double least_seconds = 0;  // lasts so long, however short the others are
};

[[nodiscard]] const std::vector<Attack>& all_attacks();

/// Processes of its cast that burn CPU.
[[nodiscard]] std::size_t count_active(const Attack& attack);

/// Whether this process may play it.
[[nodiscard]] bool can_be_played(const Attack& attack);

/// The life of a process of the cast.
void play(const Actor& actor, Stage& stage);

}  // namespace buzon::flood
