// SPDX-License-Identifier: Apache-2.0
// Why two such rules are enough to start from: of two names that are discordant, at least one has
// a deciding rule that stands in one policy only or has moved, as what has not moved has kept its
// order; and neither is decided by a rule without a name, since that applies to both.
#include "policy/diff_name_pairs.h"

#include <array>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "bus/protocol.h"
#include "policy/diff_pairs.h"
#include "policy/diff_partners.h"
#include "policy/name_list.h"
#include "policy/rule_cover.h"

namespace buzon::policy {

namespace {

/// The rule as one about anybody.
Rule without_name(const Rule& rule) {
    Rule general = rule;
    general.location = {};
    if (auto* send = std::get_if<SendRule>(&general.match)) {
        send->destination.reset();
        send->destination_form = NameForm::Exact;
    } else if (auto* receive = std::get_if<ReceiveRule>(&general.match)) {
        receive->sender.reset();
    }
    return general;
}

/// What a rule says, as a number: to deny, to allow, to allow and log.
constexpr std::size_t kAnswers = 3;
std::size_t answer_of(const Rule& rule) {
    if (rule.effect == Effect::Deny) return 0;
    const auto* send = std::get_if<SendRule>(&rule.match);
    return send && send->log ? 2 : 1;
}

/// Rules without names, each once.
class GeneralRules {
public:
    /// Whether it is new.
    bool add(const Rule& rule) {
        Rule general = without_name(rule);
        auto& same_key = known_[condition_key(general)];
        for (const std::size_t index : same_key) {
            if (is_same_rule(rules_[index], general)) return false;
        }
        same_key.push_back(rules_.size());
        rules_.push_back(std::move(general));
        return true;
    }
    [[nodiscard]] const std::vector<Rule>& rules() const { return rules_; }

private:
    std::unordered_map<std::uint64_t, std::vector<std::size_t>> known_;
    std::vector<Rule> rules_;
};

/// The names that rules of one kind mention, each as somebody who has it alone.
class Names {
public:
    void add(const PartyName& party) {
        // Nobody who is asked about can have the bus's own.
        if (!party.name || party.name->empty() || *party.name == bus::kDriverName) return;
        add(*party.name);
        if (party.form == NameForm::Prefix) add(*party.name + ".below");
    }
    [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }
    [[nodiscard]] const std::vector<NameList>& holders() const { return holders_; }

private:
    void add(const std::string& name) {
        if (!known_.insert(name).second) return;
        texts_.push_back(name);
        holders_.emplace_back(std::vector{name});
    }
    std::unordered_set<std::string> known_;
    std::vector<std::string> texts_;
    std::vector<NameList> holders_;
};

struct Ranks {
    RuleRanks before;
    RuleRanks after;
};

class PairQuestions {
public:
    PairQuestions(const DiffBounds& bounds, DiffIdentities& identities, DiffAsker& asker)
        : bounds_(bounds), identities_(identities), asker_(asker) {}

    void run(const std::vector<ScopedRule>& differing, const std::vector<const Rule*>& all) {
        for (const ScopedRule& one : differing) {
            if (!party_name_of(*one.rule).name) continue;
            differing_[one.scope].add(*one.rule);
            names_[one.rule->match.index()].add(party_name_of(*one.rule));
        }
        for (const Rule* rule : all) {
            if (!party_name_of(*rule).name) continue;
            partners_[answer_of(*rule)].add(*rule);
            names_[rule->match.index()].add(party_name_of(*rule));
        }
        for (const auto& [scope, rules] : differing_) {
            for (const Rule& rule : rules.rules())
                meet_partners(rule, scope);
        }
        asker_.note_cut("messages to and from those who have two names", asked_, messages_);
        asker_.note_cut("pairs of conditions that such messages meet", tried_, pairs_);
    }

private:
    void meet_partners(const Rule& rule, const RuleScope& scope) {
        for (std::size_t answer = 0; answer < kAnswers; ++answer) {
            if (answer == answer_of(rule)) continue;
            pairs_ += partners_[answer].rules().size();
            for (const Rule& partner : partners_[answer].rules()) {
                if (tried_ == bounds_.pairs) break;
                ++tried_;
                if (contradict(rule, partner)) continue;
                for (const Witness& witness : witnesses_for(rule, &partner))
                    ask(witness, rule, scope);
            }
        }
    }

    void ask(const Witness& witness, const Rule& rule, const RuleScope& scope) {
        const MessageSide side = std::holds_alternative<SendRule>(rule.match)
                                     ? MessageSide::Sends
                                     : MessageSide::Receives;
        if (!known_.insert({hash_of(side, witness), scope}).second) return;
        const Names& names = names_[rule.match.index()];
        ++messages_;
        const auto identities = identities_.in(scope);
        const std::size_t cost = identities.size() * names.texts().size();
        if (spent_ + cost > bounds_.pair_questions && messages_ > 1) return;
        ++asked_;
        spent_ += cost;
        for (const Identity* who : identities)
            ask(witness, side, names, *who);
    }

    void ask(Witness witness, MessageSide side, const Names& names, const Identity& who) {
        const bool has_destination = side == MessageSide::Sends && !witness.destination.empty();
        const auto about = [&](std::size_t index) {
            witness.party = names.texts()[index];
            if (has_destination) witness.destination = witness.party;
        };
        std::vector<RankedName> ranked;
        std::vector<std::size_t> indices;
        const Ranks& ranks = ranks_of(who);
        witness.also.clear();
        for (std::size_t index = 0; index < names.texts().size(); ++index) {
            const auto before = decide(*who.before, side, witness, names.holders()[index]);
            const auto after = decide(*who.after, side, witness, names.holders()[index]);
            if (before.allowed != after.allowed || before.log != after.log) {
                about(index);
                asker_.ask(who, side, witness);
                continue;
            }
            indices.push_back(index);
            ranked.push_back({ranks.before.of(before.rule), ranks.after.of(after.rule),
                              before.allowed, before.log});
        }
        for (const auto& [left, right] : discordant_pairs(ranked)) {
            about(indices[left]);
            witness.also = names.texts()[indices[right]];
            asker_.ask(who, side, witness);
        }
    }

    const Ranks& ranks_of(const Identity& who) {
        const auto known = ranks_.find(&who);
        if (known != ranks_.end()) return known->second;
        return ranks_.emplace(&who, Ranks{RuleRanks(*who.before), RuleRanks(*who.after)})
            .first->second;
    }

    const DiffBounds& bounds_;
    DiffIdentities& identities_;
    DiffAsker& asker_;
    std::map<RuleScope, GeneralRules> differing_;
    std::array<GeneralRules, kAnswers> partners_;
    /// By the index of the kind of rule.
    std::map<std::size_t, Names> names_;
    std::unordered_map<const Identity*, Ranks> ranks_;
    std::set<std::pair<std::size_t, RuleScope>> known_;
    std::size_t pairs_ = 0;
    std::size_t tried_ = 0;
    std::size_t messages_ = 0;
    std::size_t asked_ = 0;
    std::size_t spent_ = 0;
};

}  // namespace

void ask_about_two_names(const std::vector<ScopedRule>& differing,
                         const std::vector<const Rule*>& all,
                         const DiffBounds& bounds,
                         DiffIdentities& identities,
                         DiffAsker& asker) {
    PairQuestions(bounds, identities, asker).run(differing, all);
}

}  // namespace buzon::policy
