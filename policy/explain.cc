// SPDX-License-Identifier: Apache-2.0
#include "policy/explain.h"

#include <algorithm>
#include <functional>
#include <variant>

#include <fmt/format.h>

#include "policy/rule_match.h"

namespace buzon::policy {

namespace {

/// Collects rules from the strongest to the weakest.
class Collector {
public:
    explicit Collector(std::size_t most) : most_(most) {}

    /// A rule of the question's kind that applies.
    void add(const Rule& rule, const PolicyBlock& block) {
        ++found_.matching;
        if (!decided_ && !voiding_) decide(rule, block);
        if (found_.rules.size() >= most_) return;
        ExplainedRule one{&rule, &block, RuleFate::Decides, nullptr};
        if (!decided_) {
            one.fate = RuleFate::Void;
            one.beaten_by = voiding_;
        } else if (found_.verdict.rule != &rule) {
            one.fate = fate_beside(block);
            one.beaten_by = found_.verdict.rule;
        }
        found_.rules.push_back(one);
    }
    /// Every rule of the kind, after add().
    void pass(const Rule& rule, bool voids_earlier) {
        ++found_.considered;
        if (voids_earlier && !voiding_) voiding_ = &rule;
    }
    /// Whether a rule added now would still count.
    [[nodiscard]] bool is_in_force() const { return !voiding_; }
    [[nodiscard]] Explanation& result() { return found_; }

private:
    void decide(const Rule& rule, const PolicyBlock& block) {
        decided_ = &block;
        found_.verdict.rule = &rule;
        found_.verdict.allowed = rule.effect == Effect::Allow;
    }

    [[nodiscard]] RuleFate fate_beside(const PolicyBlock& block) const {
        if (&block == decided_) return RuleFate::LaterRule;
        return block.context == decided_->context ? RuleFate::LaterBlock
                                                  : RuleFate::StrongerContext;
    }

    Explanation found_;
    std::size_t most_;
    const PolicyBlock* decided_ = nullptr;
    const Rule* voiding_ = nullptr;
};

/// The blocks of a snapshot from the strongest to the weakest, each once: a group may be listed
/// twice among a peer's, and then its last place counts.
std::vector<const PolicyBlock*> strongest_first(const PolicySnapshot& peer) {
    std::vector<const PolicyBlock*> blocks;
    std::vector<bool> seen(peer.set().blocks().size());
    const std::vector<std::uint32_t> indices = peer.blocks();
    for (auto index = indices.rbegin(); index != indices.rend(); ++index) {
        if (seen[*index]) continue;
        seen[*index] = true;
        blocks.push_back(&peer.set().blocks()[*index]);
    }
    return blocks;
}

template <typename Match, typename Query>
Explanation explain_messages(const PolicySnapshot& peer, const Query& query, std::size_t most) {
    Collector collector(most);
    std::uint32_t in_force = 0;
    for (const PolicyBlock* block : strongest_first(peer)) {
        for (auto rule = block->rules.rbegin(); rule != block->rules.rend(); ++rule) {
            const auto* match = std::get_if<Match>(&rule->match);
            if (!match) continue;
            if (matches(rule->effect, *match, query)) {
                in_force += collector.is_in_force() ? 1 : 0;
                collector.add(*rule, *block);
            }
            collector.pass(*rule, voids_earlier_rules(*match));
        }
    }
    Verdict& verdict = collector.result().verdict;
    const auto* deciding = verdict.rule ? std::get_if<SendRule>(&verdict.rule->match) : nullptr;
    verdict.log = verdict.allowed && deciding && deciding->log;
    if (verdict.rule && (!verdict.allowed || verdict.log)) verdict.matched_rules = in_force;
    return std::move(collector.result());
}

const PolicyBlock* block_with(const PolicySet& set, const Rule* rule) {
    const std::less_equal<const Rule*> at_most;
    for (const PolicyBlock& block : set.blocks()) {
        if (block.rules.empty()) continue;
        if (at_most(&block.rules.front(), rule) && at_most(rule, &block.rules.back())) {
            return &block;
        }
    }
    return nullptr;
}

std::string_view attribute_name(PolicyContext context) {
    switch (context) {
        case PolicyContext::Default:
        case PolicyContext::Mandatory: return "context";
        case PolicyContext::Group: return "group";
        case PolicyContext::User: return "user";
        case PolicyContext::AtConsole:
        case PolicyContext::NotAtConsole: return "at_console";
    }
    return "context";
}

std::string_view attribute_value(const PolicyBlock& block) {
    switch (block.context) {
        case PolicyContext::Default: return "default";
        case PolicyContext::Mandatory: return "mandatory";
        case PolicyContext::Group:
        case PolicyContext::User: return block.subject;
        case PolicyContext::AtConsole: return "true";
        case PolicyContext::NotAtConsole: return "false";
    }
    return "";
}

}  // namespace

Explanation explain_own(const PolicySnapshot& peer, std::string_view name, std::size_t most) {
    return explain_messages<OwnRule>(peer, name, most);
}

Explanation explain_send(const PolicySnapshot& sender, const SendQuery& query, std::size_t most) {
    return explain_messages<SendRule>(sender, query, most);
}

Explanation explain_receive(const PolicySnapshot& receiver,
                            const ReceiveQuery& query,
                            std::size_t most) {
    return explain_messages<ReceiveRule>(receiver, query, most);
}

Explanation explain_connect(const PolicySet& set,
                            const PeerIdentity& peer,
                            uid_t bus_owner,
                            std::size_t most) {
    Collector collector(most);
    const auto rules = set.connect_rules_for(peer);
    for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) {
        if (const auto* block = block_with(set, *rule)) collector.add(**rule, *block);
        collector.pass(**rule, false);
    }
    Explanation result = std::move(collector.result());
    result.verdict = set.may_connect(peer, bus_owner);
    return result;
}

std::string to_text(const PolicyBlock& block) {
    return fmt::format("<policy {}=\"{}\">", attribute_name(block.context), attribute_value(block));
}

std::string_view describe(RuleFate fate) {
    switch (fate) {
        case RuleFate::Decides: return "decides";
        case RuleFate::LaterRule: return "a later rule of the same <policy> decides";
        case RuleFate::LaterBlock: return "a later <policy> decides";
        case RuleFate::StrongerContext: return "a <policy> of a stronger context decides";
        case RuleFate::Void: return "a later rule makes it void";
    }
    return "";
}

}  // namespace buzon::policy
