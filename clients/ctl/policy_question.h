// SPDX-License-Identifier: Apache-2.0
// A question to a policy, checked and with users and groups looked up, whoever is going to answer.
// Errors: UsageError.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bus/protocol.h"
#include "clients/ctl/options.h"
#include "clients/ctl/value_json.h"
#include "policy/user_database.h"

namespace buzon::clients {

struct PolicyParty {
    std::vector<std::string> names{};
    /// Absent: somebody about whom the policy says nothing in particular.
    std::optional<uid_t> uid{};
    std::vector<gid_t> gids{};

    [[nodiscard]] bool has_identity() const { return uid || !gids.empty(); }
};

struct PolicyQuestion {
    enum class Kind : std::uint8_t { Message, Own, Connect };
    Kind kind = Kind::Message;
    std::string name{};  // for Kind::Own
    PolicyParty sender{};
    PolicyParty receiver{};
    bus::MessageType type = bus::MessageType::MethodCall;
    std::string destination{};
    std::string path{};
    std::string interface {};
    std::string member{};
    std::string error_name{};
    bool is_reply = false;
    bool requested_reply = false;
    bool eavesdropping = false;
    std::uint32_t fds = 0;
};

[[nodiscard]] PolicyQuestion policy_question(const Options& options, policy::UserDatabase& users);

/// `method_call to org.example.Mail, interface org.example.Mail1, member GetInbox`
[[nodiscard]] std::string to_text(const PolicyQuestion& question);
[[nodiscard]] Json to_json(const PolicyQuestion& question);
/// `org.example.Mail, uid 1000, groups 29 44`, or `any user`.
[[nodiscard]] std::string to_text(const PolicyParty& party);
/// What the question leaves open, and how that is taken.
[[nodiscard]] std::vector<std::string> hints_about(const PolicyQuestion& question);

}  // namespace buzon::clients
