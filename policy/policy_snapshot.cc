// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_snapshot.h"

#include <algorithm>
#include <utility>

#include "policy/policy_set.h"
#include "policy/rule_match.h"

namespace buzon::policy {

namespace {

/// Drops what a later rule makes void, and finds out whether all that is left allows everything.
template <typename Match>
void finish(RuleList<Match>& list) {
    auto& entries = list.entries;
    const auto voiding = std::find_if(entries.rbegin(), entries.rend(), [](const auto& entry) {
        return voids_earlier_rules(*entry.match);
    });
    if (voiding != entries.rend()) entries.erase(entries.begin(), std::prev(voiding.base()));
    entries.shrink_to_fit();

    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
        if (entry->rule->effect == Effect::Deny) return;
        if constexpr (std::is_same_v<Match, SendRule>) {
            if (entry->match->log) return;
        }
        if (!allows_everything(*entry->match)) continue;
        list.allows_everything = true;
        return;
    }
}

template <typename Match, typename Query>
Verdict decide(const RuleList<Match>& list, const Query& query) {
    const auto applies = [&](const auto& entry) {
        return matches(entry.rule->effect, *entry.match, query);
    };
    const auto deciding = std::find_if(list.entries.rbegin(), list.entries.rend(), applies);
    if (deciding == list.entries.rend()) return {};

    Verdict verdict;
    verdict.rule = deciding->rule;
    verdict.allowed = deciding->rule->effect == Effect::Allow;
    if constexpr (std::is_same_v<Match, SendRule>) {
        verdict.log = verdict.allowed && deciding->match->log;
    }
    if (!verdict.allowed || verdict.log) {
        const auto earlier = std::count_if(std::next(deciding), list.entries.rend(), applies);
        verdict.matched_rules = static_cast<std::uint32_t>(earlier) + 1;
    }
    return verdict;
}

}  // namespace

PolicySnapshot::PolicySnapshot(bus::Ref<const PolicySet> set, std::vector<std::uint32_t> blocks)
    : set_(std::move(set)), blocks_(std::move(blocks)) {
    for (const std::uint32_t block : blocks_) {
        for (const Rule& rule : set_->blocks()[block].rules)
            add(rule);
    }
    finish(own_);
    finish(send_);
    finish(receive_);
}

PolicySnapshot::~PolicySnapshot() {
    set_->forget(*this);
}

void PolicySnapshot::add(const Rule& rule) {
    if (const auto* own = std::get_if<OwnRule>(&rule.match)) own_.entries.push_back({&rule, own});
    if (const auto* send = std::get_if<SendRule>(&rule.match)) {
        send_.entries.push_back({&rule, send});
    }
    if (const auto* receive = std::get_if<ReceiveRule>(&rule.match)) {
        receive_.entries.push_back({&rule, receive});
    }
}

Verdict PolicySnapshot::may_own(std::string_view name) const {
    return decide(own_, name);
}

Verdict PolicySnapshot::may_send(const SendQuery& query) const {
    return decide(send_, query);
}

Verdict PolicySnapshot::may_receive(const ReceiveQuery& query) const {
    return decide(receive_, query);
}

}  // namespace buzon::policy
