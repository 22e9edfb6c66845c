// SPDX-License-Identifier: Apache-2.0
// What a caller of org.buzon.Policy1 wants to know, out of the a{sv} that it sends.
// Views point into the message. Entries that are not known are errors: a misspelled condition would
// otherwise make another question of it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/base/result.h"
#include "bus/protocol.h"
#include "bus/wire_reader.h"

namespace buzon::broker {

/// A name on the bus, an identity, both (somebody of that name, were he that user) or nothing
/// (somebody of whom the policy says nothing in particular).
struct AskedParty {
    std::string_view name;
    std::optional<uid_t> uid;
    std::optional<std::vector<gid_t>> gids;

    [[nodiscard]] bool has_identity() const { return uid || gids; }
};

struct PolicyQuestion {
    AskedParty sender;
    AskedParty receiver;
    bus::MessageType type = bus::MessageType::MethodCall;
    std::string_view destination;
    std::string_view path;
    std::string_view interface;
    std::string_view member;
    std::string_view error_name;
    bool is_reply = false;
    bool requested_reply = false;
    bool eavesdropping = false;
    std::uint32_t fds = 0;
};

/// `reader` stands before an a{sv} of a checked body. Errors: which entry is wrong, and why.
[[nodiscard]] bus::Result<PolicyQuestion, std::string> read_policy_question(
    bus::WireReader& reader);

}  // namespace buzon::broker
