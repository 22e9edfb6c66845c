// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_set.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "policy/policy_compilation.h"

namespace buzon::policy {

namespace {

template <typename Id>
void append_found(std::vector<const PolicyUnit*>& to,
                  const std::unordered_map<Id, PolicyUnit>& from,
                  Id id) {
    const auto found = from.find(id);
    if (found != from.end()) to.push_back(&found->second);
}

}  // namespace

bus::Ref<const PolicySet> PolicySet::create(ResolvedPolicy policy) {
    PolicyCompilation compilation(std::move(policy));
    while (!compilation.is_complete())
        compilation.advance(std::numeric_limits<std::size_t>::max());
    return compilation.take();
}

bus::Ref<const PolicySet> PolicySet::create(const Config& config,
                                            UserDatabase& users,
                                            std::vector<Warning>& warnings) {
    return create(resolve(config, users, warnings));
}

bool PolicySet::applies(const ConnectEntry& entry, const PeerIdentity& peer) {
    if (!entry.id) return true;
    if (entry.subject == ConnectRule::Subject::User) return peer.uid == *entry.id;
    return std::find(peer.gids.begin(), peer.gids.end(), *entry.id) != peer.gids.end();
}

std::vector<const Rule*> PolicySet::connect_rules_for(const PeerIdentity& peer) const {
    std::vector<const Rule*> rules;
    for (const ConnectEntry& entry : connect_entries_) {
        if (applies(entry, peer)) rules.push_back(entry.rule);
    }
    return rules;
}

Verdict PolicySet::may_connect(const PeerIdentity& peer, uid_t bus_owner) const {
    const auto found = connect_index_.find(peer.uid, peer.gids);
    Verdict verdict;
    verdict.rule = found.rule;
    verdict.allowed = found.rule ? found.rule->effect == Effect::Allow : peer.uid == bus_owner;
    if (!verdict.allowed) verdict.matched_rules = found.matched_rules;
    return verdict;
}

PolicySet::Units PolicySet::units_between(const PeerIdentity& peer) const {
    Units units;
    if (!group_units_.empty()) {
        std::vector<gid_t> gids(peer.gids.begin(), peer.gids.end());
        std::sort(gids.begin(), gids.end());
        gids.erase(std::unique(gids.begin(), gids.end()), gids.end());
        for (const gid_t gid : gids)
            append_found(units, group_units_, gid);
    }
    if (peer.uid) {
        append_found(units, user_units_, *peer.uid);
        const PolicyUnit& console = peer.at_console ? at_console_ : not_at_console_;
        if (!console.blocks.empty()) units.push_back(&console);
    }
    return units;
}

bus::Ref<const PolicySnapshot> PolicySet::snapshot_for(const PeerIdentity& peer) const {
    auto units = units_between(peer);
    const auto known = living_.find(units);
    if (known != living_.end()) {
        known->second->add_reference();
        return bus::Ref<const PolicySnapshot>::adopt(known->second);
    }
    add_reference();
    auto snapshot = bus::make_ref<PolicySnapshot>(bus::Ref<const PolicySet>::adopt(this), units);
    living_.emplace(std::move(units), snapshot.get());
    return snapshot;
}

void PolicySet::forget(const PolicySnapshot& snapshot) const {
    const auto known = living_.find(snapshot.between_);
    if (known != living_.end() && known->second == &snapshot) living_.erase(known);
}

}  // namespace buzon::policy
