// SPDX-License-Identifier: Apache-2.0
// The ordinary attacker: connections of one process that own a name, subscribe, say the same thing
// again and again as fast as their sockets take it, and read all, nothing or a little of what they
// get. What it does is data, so most attacks are a list of these.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tests/flood/role.h"
#include "tests/flood/speech.h"

namespace buzon::flood {

/// With pauses: everything, but now and then it is busy with something else. Drips: some bytes once
/// a second; steadily: as many, evenly.
enum class Reading { Everything, Nothing, Drips, Steadily, WithPauses };
/// First it reads, then it does not, and so on.
struct Rhythm {
    std::chrono::milliseconds reads{500};
    std::chrono::milliseconds pauses{500};
};
enum class Attachment { Nothing, SixteenFiles, ItsOwnSocket };

struct Crew {
    std::size_t connections = 1;
    std::string name{};                // attack_name() of it belongs to the first connection
    std::vector<std::string> rules{};  // of all connections
    bool monitors = false;
    Speech speech{};
    Attachment attachment = Attachment::Nothing;
    Reading reading = Reading::Everything;
    std::size_t drip_bytes = 0;                // a second and connection, for Drips and Steadily
    Rhythm rhythm{};                           // for WithPauses
    std::optional<std::size_t> reply_bytes{};  // answers calls with such a body
    /// The first connection writes down what it gets of the speech on record.
    bool hears_on_record = false;
    bool lingers = false;
    bool is_innocent = false;  // what befalls it is harm
};

[[nodiscard]] Actor actor_of(Crew crew);

}  // namespace buzon::flood
