// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_set.h"

#include <algorithm>
#include <utility>

namespace buzon::policy {

namespace {

template <typename Id>
void append_found(std::vector<std::uint32_t>& to,
                  const std::unordered_map<Id, std::vector<std::uint32_t>>& from,
                  Id id) {
    const auto found = from.find(id);
    if (found != from.end()) to.insert(to.end(), found->second.begin(), found->second.end());
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
    : files_(std::move(policy.files)), blocks_(std::move(policy.blocks)) {
    for (std::uint32_t index = 0; index < blocks_.size(); ++index) {
        BlockIndices* list = list_for(blocks_[index], policy);
        if (list) list->push_back(index);
    }
    for (const auto* blocks : {&default_blocks_, &mandatory_blocks_}) {
        for (const std::uint32_t index : *blocks)
            add_connect_rules(blocks_[index], policy);
    }
}

PolicySet::BlockIndices* PolicySet::list_for(const PolicyBlock& block,
                                             const ResolvedPolicy& policy) {
    const auto subject = block.context == PolicyContext::User ? ConnectRule::Subject::User
                                                              : ConnectRule::Subject::Group;
    switch (block.context) {
        case PolicyContext::Default: return &default_blocks_;
        case PolicyContext::Mandatory: return &mandatory_blocks_;
        case PolicyContext::AtConsole: return &at_console_blocks_;
        case PolicyContext::NotAtConsole: return &not_at_console_blocks_;
        case PolicyContext::User:
        case PolicyContext::Group: break;
    }
    const auto id = policy.id_of(subject, block.subject);
    if (!id) return nullptr;
    return subject == ConnectRule::Subject::User ? &user_blocks_[*id] : &group_blocks_[*id];
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
    const auto concerns = [&](const ConnectEntry& entry) { return applies(entry, peer); };
    const auto deciding =
        std::find_if(connect_entries_.rbegin(), connect_entries_.rend(), concerns);
    Verdict verdict;
    verdict.allowed = peer.uid == bus_owner;
    if (deciding == connect_entries_.rend()) return verdict;

    verdict.rule = deciding->rule;
    verdict.allowed = deciding->rule->effect == Effect::Allow;
    if (!verdict.allowed) {
        verdict.matched_rules =
            static_cast<std::uint32_t>(std::count_if(deciding, connect_entries_.rend(), concerns));
    }
    return verdict;
}

PolicySet::BlockIndices PolicySet::blocks_for(const PeerIdentity& peer) const {
    BlockIndices blocks = default_blocks_;
    for (const gid_t gid : peer.gids)
        append_found(blocks, group_blocks_, gid);
    if (peer.uid) {
        append_found(blocks, user_blocks_, *peer.uid);
        const auto& console = peer.at_console ? at_console_blocks_ : not_at_console_blocks_;
        blocks.insert(blocks.end(), console.begin(), console.end());
    }
    blocks.insert(blocks.end(), mandatory_blocks_.begin(), mandatory_blocks_.end());
    return blocks;
}

bus::Ref<const PolicySnapshot> PolicySet::snapshot_for(const PeerIdentity& peer) const {
    auto blocks = blocks_for(peer);
    const auto known = living_.find(blocks);
    if (known != living_.end()) {
        known->second->add_reference();
        return bus::Ref<const PolicySnapshot>::adopt(known->second);
    }
    add_reference();
    auto snapshot = bus::make_ref<PolicySnapshot>(bus::Ref<const PolicySet>::adopt(this), blocks);
    living_.emplace(std::move(blocks), snapshot.get());
    return snapshot;
}

void PolicySet::forget(const PolicySnapshot& snapshot) const {
    const auto known = living_.find(snapshot.blocks());
    if (known != living_.end() && known->second == &snapshot) living_.erase(known);
}

}  // namespace buzon::policy
