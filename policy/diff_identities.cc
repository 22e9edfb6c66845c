// SPDX-License-Identifier: Apache-2.0
#include "policy/diff_identities.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace buzon::policy {

namespace {

/// Nobody has it, so no block of a user applies.
constexpr uid_t kSomebodyElse = static_cast<uid_t>(-2);

}  // namespace

bool Identity::is_in(const RuleScope& scope) const {
    switch (scope.first) {
        case PolicyContext::User: return uid == scope.second;
        case PolicyContext::Group:
            return std::find(gids.begin(), gids.end(), scope.second) != gids.end();
        case PolicyContext::AtConsole: return false;
        case PolicyContext::Default:
        case PolicyContext::NotAtConsole:
        case PolicyContext::Mandatory: break;
    }
    return true;
}

std::string Identity::to_text() const {
    std::string text = uid == kSomebodyElse ? "any other user" : fmt::format("uid {}", uid);
    if (!gids.empty())
        text += fmt::format(" in group{} {}", gids.size() == 1 ? "" : "s", fmt::join(gids, " "));
    return text;
}

DiffIdentities::DiffIdentities(const DiffSide& before,
                               const DiffSide& after,
                               UserDatabase& users,
                               const std::set<RuleScope>& preferred,
                               std::size_t general)
    : before_(before), after_(after), users_(users) {
    for (const DiffSide* side : {&before_, &after_}) {
        for (const auto& [name, id] : side->policy.groups)
            groups_.insert(id);
        for (const auto& [name, id] : side->policy.users)
            user_names_.emplace(id, name);
    }
    add(kSomebodyElse, {});
    // One in all groups shows which of them wins.
    constexpr std::size_t kMostGroups = 1000;
    if (groups_.size() > 1 && groups_.size() <= kMostGroups)
        add(kSomebodyElse, {groups_.begin(), groups_.end()});
    std::vector<RuleScope> scopes(preferred.begin(), preferred.end());
    for (const auto& [uid, name] : user_names_)
        scopes.emplace_back(PolicyContext::User, uid);
    for (const gid_t gid : groups_)
        scopes.emplace_back(PolicyContext::Group, gid);
    for (const RuleScope& scope : scopes) {
        if (all_.size() >= general) break;
        add_for(scope);
    }
    general_ = all_.size();
}

std::vector<const Identity*> DiffIdentities::in(const RuleScope& scope) {
    std::vector<const Identity*> found;
    for (std::size_t index = 0; index < general_; ++index) {
        if (all_[index].is_in(scope)) found.push_back(&all_[index]);
    }
    const auto known = known_.find(scope);
    const Identity* own = known == known_.end() ? add_for(scope) : known->second;
    if (own && std::find(found.begin(), found.end(), own) == found.end()) found.push_back(own);
    return found;
}

const Identity* DiffIdentities::add_for(const RuleScope& scope) {
    const auto [context, id] = scope;
    if (context != PolicyContext::User && context != PolicyContext::Group) return nullptr;
    const auto known = known_.find(scope);
    if (known != known_.end()) return known->second;
    const Identity& added = context == PolicyContext::User
                                ? add(id, groups_of(id))
                                : add(kSomebodyElse, {static_cast<gid_t>(id)});
    known_.emplace(scope, &added);
    return &added;
}

const Identity& DiffIdentities::add(uid_t uid, std::vector<gid_t> gids) {
    Identity& identity = all_.emplace_back(Identity{uid, std::move(gids), nullptr, nullptr});
    identity.before = before_.set.snapshot_for(identity.as_peer());
    identity.after = after_.set.snapshot_for(identity.as_peer());
    return identity;
}

std::vector<gid_t> DiffIdentities::groups_of(uid_t uid) {
    const auto name = user_names_.find(uid);
    if (name == user_names_.end()) return {};
    try {
        const auto user = users_.user(name->second);
        return user ? users_.groups_of(*user) : std::vector<gid_t>{};
    } catch (const std::system_error&) {
        return {};
    }
}

}  // namespace buzon::policy
