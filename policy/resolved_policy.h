// SPDX-License-Identifier: Apache-2.0
// The <policy> blocks of a configuration with the ids of the users and groups that they name: what
// a PolicySet is built from, without asking anybody anything. A plain value.
// Invariant: a name that is in neither table does not exist; what is said about it is left out,
// which takes nothing from anybody who can be identified.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/config.h"
#include "policy/user_database.h"

namespace buzon::policy {

struct ResolvedPolicy {
    using Ids = std::map<std::string, std::uint32_t, std::less<>>;

    SourceFiles files;
    /// In file order, with the names as written.
    std::vector<PolicyBlock> blocks;
    Ids users;
    Ids groups;

    /// The id of the user or group that the files call `name`.
    [[nodiscard]] std::optional<std::uint32_t> id_of(ConnectRule::Subject subject,
                                                     std::string_view name) const;
};

/// What becomes of a name about which the name service has no answer now. To leave out a rule that
/// denies would let in whom it names, so that is never done.
enum class WhenUnreachable : std::uint8_t {
    Refuse,      // the configuration can't be used
    DropAllows,  // nor can it if it denies that name something; else the rule is left out
};

/// Looks up every user and group that `config` names. Those that do not exist are appended to
/// `warnings`.
/// Compat: a number that no user or group has stands for itself, as a process may run under it;
/// dbus-daemon leaves out what is said about it, denials too.
/// Errors: ConfigError, as `unreachable` says.
[[nodiscard]] ResolvedPolicy resolve(const Config& config,
                                     UserDatabase& users,
                                     std::vector<Warning>& warnings,
                                     WhenUnreachable unreachable = WhenUnreachable::Refuse);

}  // namespace buzon::policy
