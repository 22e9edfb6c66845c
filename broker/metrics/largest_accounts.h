// SPDX-License-Identifier: Apache-2.0
// The users and programs that hold most, found in parts, as there may be many: a few hundred are
// looked at in each turn, and what comes or goes meanwhile may be missed or still be shown.
// Who holds most is who has the largest part of anything that there is to hold.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "broker/peer_registry.h"
#include "broker/process_name.h"
#include "broker/quota/account_tree.h"
#include "bus/base/ref.h"

namespace buzon::broker {

/// What an account held when it was looked at.
struct AccountFigures {
    UserId user{};
    std::optional<PrincipalKey> program;  // none: all of the user's
    /// One of its processes; null if none is on the bus any more.
    bus::Ref<ProcessName> process;
    std::array<std::uint64_t, kResourceCount> held{};
    /// Of what there is, of that resource of which it is most.
    double part = 0;
};

class LargestAccounts {
public:
    static constexpr std::size_t kShown = 10;
    static constexpr std::size_t kLooksPerTurn = 256;

    /// True: all have been looked at.
    bool advance(const AccountTree& accounts, const PeerRegistry& peers);

    /// The largest first.
    [[nodiscard]] std::span<const AccountFigures> users() const { return users_; }
    [[nodiscard]] std::span<const AccountFigures> programs() const { return programs_; }

private:
    enum class Stage : std::uint8_t { Users, Programs, Done };

    std::vector<AccountFigures> users_;
    std::vector<AccountFigures> programs_;
    std::optional<UserId> last_user_;
    std::optional<AccountTree::ProgramKey> last_program_;
    Stage stage_ = Stage::Users;
};

}  // namespace buzon::broker
