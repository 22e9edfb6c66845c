// SPDX-License-Identifier: Apache-2.0
// Who may connect: the last rule about a uid or about one of many gids.
// Cost: a look-up for the uid and one for each gid, however many rules there are.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "policy/rule.h"

namespace buzon::policy {

class ConnectIndex {
public:
    struct Found {
        const Rule* rule = nullptr;
        /// How many rules apply.
        std::uint32_t matched_rules = 0;
    };

    /// Later ones win. `id` absent: anybody.
    void add(const Rule& rule, ConnectRule::Subject subject, std::optional<std::uint32_t> id);
    [[nodiscard]] Found find(std::optional<uid_t> uid, std::span<const gid_t> gids) const;

private:
    struct Place {
        std::uint32_t last = 0;  // from 1 on, in rules_
        std::uint32_t count = 0;
    };

    std::vector<const Rule*> rules_;
    Place anybody_;
    std::unordered_map<uid_t, Place> users_;
    std::unordered_map<gid_t, Place> groups_;
};

}  // namespace buzon::policy
