// SPDX-License-Identifier: Apache-2.0
#include "policy/connect_index.h"

#include <algorithm>

namespace buzon::policy {

void ConnectIndex::add(const Rule& rule,
                       ConnectRule::Subject subject,
                       std::optional<std::uint32_t> id) {
    rules_.push_back(&rule);
    Place& place = !id                                     ? anybody_
                   : subject == ConnectRule::Subject::User ? users_[*id]
                                                           : groups_[*id];
    place.last = static_cast<std::uint32_t>(rules_.size());
    ++place.count;
}

ConnectIndex::Found ConnectIndex::find(std::optional<uid_t> uid,
                                       std::span<const gid_t> gids) const {
    std::vector<const Place*> places{&anybody_};
    if (uid) {
        const auto user = users_.find(*uid);
        if (user != users_.end()) places.push_back(&user->second);
    }
    if (!groups_.empty()) {
        for (const gid_t gid : gids) {
            const auto group = groups_.find(gid);
            if (group != groups_.end()) places.push_back(&group->second);
        }
    }
    // A gid may be listed twice; its rules count once.
    std::sort(places.begin(), places.end());
    places.erase(std::unique(places.begin(), places.end()), places.end());

    Found found;
    std::uint32_t last = 0;
    for (const Place* place : places) {
        last = std::max(last, place->last);
        found.matched_rules += place->count;
    }
    if (last > 0) found.rule = rules_[last - 1];
    return found;
}

}  // namespace buzon::policy
