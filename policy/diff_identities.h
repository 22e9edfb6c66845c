// SPDX-License-Identifier: Apache-2.0
// A part of diff(): for whom questions are asked. A few identities stand for everybody; more are
// made where a rule is about somebody who is not among them.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "policy/diff.h"
#include "policy/rule_scope.h"

namespace buzon::policy {

/// Somebody to ask for, and what holds for him on both sides.
struct Identity {
    uid_t uid = 0;
    std::vector<gid_t> gids;
    bus::Ref<const PolicySnapshot> before;
    bus::Ref<const PolicySnapshot> after;

    [[nodiscard]] PeerIdentity as_peer() const { return {.uid = uid, .gids = gids}; }
    [[nodiscard]] bool is_in(const RuleScope& scope) const;
    /// `uid 1000 in groups 29 44`, `any other user`.
    [[nodiscard]] std::string to_text() const;
};

class DiffIdentities {
public:
    /// At most `general` stand for everybody: somebody whom no rule names, one in all groups, and
    /// those whom the configurations name, first those whom `preferred` is about.
    DiffIdentities(const DiffSide& before,
                   const DiffSide& after,
                   UserDatabase& users,
                   const std::set<RuleScope>& preferred,
                   std::size_t general);

    /// At least one to whom rules of that scope apply, if there can be anybody.
    [[nodiscard]] std::vector<const Identity*> in(const RuleScope& scope);
    [[nodiscard]] const std::deque<Identity>& all() const { return all_; }
    /// How many users and groups the configurations name, and how many of them are asked for.
    [[nodiscard]] std::size_t named() const { return user_names_.size() + groups_.size(); }
    [[nodiscard]] std::size_t asked() const { return known_.size(); }

private:
    const Identity& add(uid_t uid, std::vector<gid_t> gids);
    const Identity* add_for(const RuleScope& scope);
    [[nodiscard]] std::vector<gid_t> groups_of(uid_t uid);

    const DiffSide& before_;
    const DiffSide& after_;
    UserDatabase& users_;
    std::map<uid_t, std::string> user_names_;
    std::set<gid_t> groups_;
    std::deque<Identity> all_;
    std::size_t general_ = 0;
    std::map<RuleScope, const Identity*> known_;
};

}  // namespace buzon::policy
