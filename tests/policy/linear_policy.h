// SPDX-License-Identifier: Apache-2.0
// What the rules of a snapshot decide when they are tried one by one, with rule_match.h alone: the
// reference for the compiled form. Slow, and meant to be obviously right.
#pragma once

#include <algorithm>
#include <vector>

#include "policy/policy_set.h"
#include "policy/policy_snapshot.h"
#include "policy/rule_match.h"

namespace buzon::policy {

/// The rules of one kind that are in force for the snapshot's peers, in the order of application.
template <typename Match>
std::vector<const Rule*> rules_in_force(const PolicySnapshot& snapshot) {
    std::vector<const Rule*> rules;
    for (const std::uint32_t block : snapshot.blocks()) {
        for (const Rule& rule : snapshot.set().blocks()[block].rules) {
            const auto* match = std::get_if<Match>(&rule.match);
            if (!match) continue;
            if (voids_earlier_rules(*match)) rules.clear();
            rules.push_back(&rule);
        }
    }
    return rules;
}

/// `Query` is that of matches() for `Match`.
template <typename Match, typename Query>
Verdict decide_linearly(const PolicySnapshot& snapshot, const Query& query) {
    Verdict verdict;
    std::uint32_t matched = 0;
    for (const Rule* rule : rules_in_force<Match>(snapshot)) {
        if (!matches(rule->effect, std::get<Match>(rule->match), query)) continue;
        ++matched;
        verdict.rule = rule;
    }
    if (!verdict.rule) return verdict;
    const auto* send = std::get_if<SendRule>(&verdict.rule->match);
    verdict.allowed = verdict.rule->effect == Effect::Allow;
    verdict.log = verdict.allowed && send && send->log;
    if (!verdict.allowed || verdict.log) verdict.matched_rules = matched;
    return verdict;
}

inline Verdict may_connect_linearly(const PolicySet& set, const PeerIdentity& peer, uid_t owner) {
    const auto rules = set.connect_rules_for(peer);
    Verdict verdict;
    verdict.allowed = peer.uid == owner;
    if (rules.empty()) return verdict;
    verdict.rule = rules.back();
    verdict.allowed = rules.back()->effect == Effect::Allow;
    if (!verdict.allowed) verdict.matched_rules = static_cast<std::uint32_t>(rules.size());
    return verdict;
}

}  // namespace buzon::policy
