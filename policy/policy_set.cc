// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_set.h"

#include <algorithm>
#include <utility>

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
    return bus::make_ref<PolicySet>(std::move(policy));
}

bus::Ref<const PolicySet> PolicySet::create(const Config& config,
                                            UserDatabase& users,
                                            std::vector<Warning>& warnings) {
    return create(resolve(config, users, warnings));
}

PolicySet::PolicySet(ResolvedPolicy policy)
    : files_(std::move(policy.files)), blocks_(std::move(policy.blocks)), vocabulary_(blocks_) {
    for (std::uint32_t index = 0; index < blocks_.size(); ++index) {
        PolicyUnit* unit = unit_for(blocks_[index], policy);
        if (unit) unit->blocks.push_back(index);
    }
    for (const PolicyUnit* unit : {&default_, &mandatory_}) {
        for (const std::uint32_t index : unit->blocks)
            add_connect_rules(blocks_[index], policy);
    }
    for (PolicyUnit* unit : {&default_, &at_console_, &not_at_console_, &mandatory_})
        compile_unit(*unit);
    for (auto& [uid, unit] : user_units_)
        compile_unit(unit);
    for (auto& [gid, unit] : group_units_)
        compile_unit(unit);
}

PolicyUnit* PolicySet::unit_for(const PolicyBlock& block, const ResolvedPolicy& policy) {
    const auto subject = block.context == PolicyContext::User ? ConnectRule::Subject::User
                                                              : ConnectRule::Subject::Group;
    switch (block.context) {
        case PolicyContext::Default: return &default_;
        case PolicyContext::Mandatory: return &mandatory_;
        case PolicyContext::AtConsole: return &at_console_;
        case PolicyContext::NotAtConsole: return &not_at_console_;
        case PolicyContext::User:
        case PolicyContext::Group: break;
    }
    const auto id = policy.id_of(subject, block.subject);
    if (!id) return nullptr;
    return subject == ConnectRule::Subject::User ? &user_units_[*id] : &group_units_[*id];
}

void PolicySet::add_connect_rules(const PolicyBlock& block, const ResolvedPolicy& policy) {
    for (const Rule& rule : block.rules) {
        const auto* connect = std::get_if<ConnectRule>(&rule.match);
        if (!connect) continue;
        ConnectEntry entry{&rule, connect->subject, std::nullopt};
        if (connect->name) {
            entry.id = policy.id_of(connect->subject, *connect->name);
            if (!entry.id) continue;
        }
        connect_entries_.push_back(entry);
        connect_index_.add(rule, entry.subject, entry.id);
    }
}

void PolicySet::compile_unit(PolicyUnit& unit) {
    std::vector<const Rule*> rules;
    append_rules(rules, unit);
    unit.rules = compile(rules, vocabulary_);
}

void PolicySet::append_rules(std::vector<const Rule*>& rules, const PolicyUnit& unit) const {
    for (const std::uint32_t block : unit.blocks) {
        for (const Rule& rule : blocks_[block].rules)
            rules.push_back(&rule);
    }
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
