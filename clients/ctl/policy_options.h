// SPDX-License-Identifier: Apache-2.0
// The options of `buzonctl policy`: a question about a message, a name or a connection, and where
// the policy is to be found.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace buzon::clients {

/// Who asks: as written, not looked up.
struct PartyOptions {
    /// Names that he has on the bus.
    std::vector<std::string> names{};
    /// A name or a number.
    std::string user{};
    std::vector<std::string> groups{};
};

struct PolicyOptions {
    std::string config{};
    PartyOptions sender{};
    /// Behind the destination, unless the message is overheard or broadcast.
    PartyOptions receiver{};
    std::string type{};
    std::string path{};
    std::string interface {};
    std::string member{};
    std::string error{};
    std::string reply{};
    std::uint32_t fds = 0;
    bool eavesdrop = false;
    bool broadcast = false;
    std::string own{};
    bool connect = false;
    bool strict = false;
    /// Files of buzon's own.
    std::vector<std::string> mailbox_configs{};
};

void add_policy_options(CLI::App& app, PolicyOptions& options);

}  // namespace buzon::clients
