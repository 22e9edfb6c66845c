// SPDX-License-Identifier: Apache-2.0
// In four steps, each with a bound of its own that is told where it cuts: who may connect; every
// differing rule alone; differing rules crossed with others; parties that have two names.
#include "policy/diff.h"

#include <array>
#include <map>
#include <numeric>
#include <set>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "policy/diff_asker.h"
#include "policy/diff_identities.h"
#include "policy/diff_name_pairs.h"
#include "policy/diff_partners.h"
#include "policy/diff_rules.h"
#include "policy/diff_witness.h"
#include "policy/rule_match.h"
#include "policy/rule_scope.h"

namespace buzon::policy {

namespace {

/// Nobody has it, so nobody is the bus owner.
constexpr uid_t kBusOwner = static_cast<uid_t>(-3);

using Rules = std::vector<const Rule*>;
/// By the index of the kind of rule.
using RulesByKind = std::array<Rules, std::variant_size_v<decltype(Rule::match)>>;
using Scopes = std::map<RuleScope, RulesByKind>;

Scopes scopes_of(const DiffSide& side) {
    Scopes scopes;
    for (const PolicyBlock& block : side.set.blocks()) {
        const auto scope = scope_of(block, side.policy);
        if (!scope) continue;
        for (const Rule& rule : block.rules) {
            scopes[*scope][rule.match.index()].push_back(&rule);
        }
    }
    return scopes;
}

std::vector<ScopedRule> differing_rules(const Scopes& before, const Scopes& after) {
    std::set<RuleScope> scopes;
    for (const auto* side : {&before, &after}) {
        for (const auto& [scope, rules] : *side)
            scopes.insert(scope);
    }
    const RulesByKind none;
    std::vector<ScopedRule> differing;
    for (const RuleScope& scope : scopes) {
        const auto one = before.find(scope);
        const auto two = after.find(scope);
        const RulesByKind& left = one == before.end() ? none : one->second;
        const RulesByKind& right = two == after.end() ? none : two->second;
        for (std::size_t kind = 0; kind < none.size(); ++kind) {
            for (const Rule* rule : differing_rules(left[kind], right[kind]))
                differing.push_back({rule, scope});
        }
    }
    return differing;
}

bool makes_void(const Rule& rule) {
    if (const auto* send = std::get_if<SendRule>(&rule.match)) return voids_earlier_rules(*send);
    const auto* receive = std::get_if<ReceiveRule>(&rule.match);
    return receive && voids_earlier_rules(*receive);
}

/// Whom a connect rule is about, as a scope; nothing for anybody and for nobody.
std::optional<RuleScope> subject_of(const Rule& rule, const DiffSide& side) {
    const auto* connect = std::get_if<ConnectRule>(&rule.match);
    if (!connect || !connect->name) return {};
    const auto id = side.policy.id_of(connect->subject, *connect->name);
    if (!id) return {};
    const bool user = connect->subject == ConnectRule::Subject::User;
    return RuleScope{user ? PolicyContext::User : PolicyContext::Group, *id};
}

/// The indices below `count`, from all over before all of one place.
std::vector<std::size_t> scattered(std::size_t count) {
    std::size_t step = count * 5 / 8 + 1;
    while (count > 0 && std::gcd(step, count) != 1)
        ++step;
    std::vector<std::size_t> indices(count);
    for (std::size_t at = 0, index = 0; at < count; ++at, index = (index + step) % count)
        indices[at] = index;
    return indices;
}

class Differ {
public:
    Differ(const DiffSide& before,
           const DiffSide& after,
           UserDatabase& users,
           const DiffBounds& bounds)
        : before_(before),
          after_(after),
          bounds_(bounds),
          scopes_before_(scopes_of(before)),
          differing_(differing_rules(scopes_before_, scopes_of(after))),
          identities_(before, after, users, mentioned_scopes(), bounds.identities) {
        collect_rules();
    }

    PolicyDiff run() {
        compare_connecting();
        for (const std::size_t index : scattered(differing_.size())) {
            if (asker_.questions() > bounds_.alone) break;
            ++alone_;
            asker_.set_place(index);
            ask_alone(differing_[index]);
        }
        asker_.note_cut("rules that differ", alone_, differing_.size());
        cross();
        asker_.set_place(differing_.size());
        ask_about_two_names(differing_, all_, bounds_, identities_, asker_);
        asker_.note_cut("users and groups", identities_.asked(), identities_.named());
        return asker_.take();
    }

private:
    [[nodiscard]] std::set<RuleScope> mentioned_scopes() const {
        std::set<RuleScope> scopes;
        for (const ScopedRule& one : differing_) {
            scopes.insert(one.scope);
            for (const DiffSide* side : {&before_, &after_}) {
                if (const auto subject = subject_of(*one.rule, *side)) scopes.insert(*subject);
            }
        }
        return scopes;
    }

    void collect_rules() {
        // Those that differ are the likeliest partners. The others of both sides are the same.
        std::unordered_set<const Rule*> known;
        for (const ScopedRule& one : differing_) {
            all_.push_back(one.rule);
            known.insert(one.rule);
        }
        for (const auto& [scope, kinds] : scopes_before_) {
            for (const Rules& rules : kinds) {
                for (const Rule* rule : rules) {
                    if (!known.contains(rule)) all_.push_back(rule);
                }
            }
        }
        std::set<std::string> names;
        for (const Rule* rule : all_) {
            partners_.add(*rule);
            const auto* own = std::get_if<OwnRule>(&rule->match);
            if (own && own->name) names.insert(*own->name);
        }
        names_.assign(names.begin(), names.end());
    }

    void compare_connecting() {
        for (const ScopedRule& one : differing_) {
            if (identities_.all().size() > bounds_.identities + bounds_.rules) break;
            for (const DiffSide* side : {&before_, &after_}) {
                if (const auto subject = subject_of(*one.rule, *side))
                    (void)identities_.in(*subject);
            }
        }
        for (const Identity& who : identities_.all()) {
            asker_.compare(DecisionKind::Connect, before_.set.may_connect(who.as_peer(), kBusOwner),
                           after_.set.may_connect(who.as_peer(), kBusOwner),
                           [&] { return fmt::format("{} connects", who.to_text()); });
        }
    }

    void ask_alone(const ScopedRule& one) {
        if (const auto* own = std::get_if<OwnRule>(&one.rule->match)) {
            for (const std::string& name : witnesses_for(*own, names_)) {
                if (asker_.questions() > bounds_.alone) return;
                for (const Identity* who : identities_.in(one.scope))
                    asker_.ask_owning(*who, name);
            }
        } else if (!std::holds_alternative<ConnectRule>(one.rule->match)) {
            ask(witnesses_for(*one.rule, nullptr), one);
        }
    }

    void ask(const std::vector<Witness>& witnesses, const ScopedRule& one) {
        const MessageSide side = std::holds_alternative<SendRule>(one.rule->match)
                                     ? MessageSide::Sends
                                     : MessageSide::Receives;
        for (const Identity* who : identities_.in(one.scope)) {
            for (const Witness& witness : witnesses)
                asker_.ask(*who, side, witness);
        }
        asked_ += witnesses.size();
    }

    void cross() {
        std::vector<std::size_t> messages;
        for (const std::size_t index : scattered(differing_.size())) {
            const auto& match = differing_[index].rule->match;
            if (std::holds_alternative<SendRule>(match) ||
                std::holds_alternative<ReceiveRule>(match))
                messages.push_back(index);
        }
        const std::size_t limit = asker_.questions() + bounds_.crossed;
        asked_ = 0;
        std::size_t crossed = 0;
        for (const std::size_t index : messages) {
            // Questions that were asked before cost time as well.
            if (crossed == bounds_.rules || asker_.questions() > limit || asked_ > bounds_.crossed)
                break;
            asker_.set_place(index);
            if (cross(differing_[index])) ++crossed;
        }
        asker_.note_cut("rules that differ, crossed with every other rule", crossed,
                        messages.size());
    }

    /// Whether it was crossed with all that it can meet.
    bool cross(const ScopedRule& one) {
        const bool voids = makes_void(*one.rule);
        std::size_t met = 0;
        std::size_t looked_at = 0;
        bool complete = true;
        partners_.for_each(*one.rule, [&](const Rule& partner) {
            if (&partner == one.rule) return true;
            // What a voiding rule does to others shows where it does not apply itself.
            const bool meets = !contradict(*one.rule, partner);
            complete = ++looked_at <= bounds_.looked_at && met < bounds_.partners;
            if (!complete || !(meets || voids)) return complete;
            ++met;
            if (meets) ask(witnesses_for(*one.rule, &partner), one);
            if (voids) ask(witnesses_for(partner, nullptr), one);
            return true;
        });
        return complete;
    }

    const DiffSide& before_;
    const DiffSide& after_;
    const DiffBounds& bounds_;
    Scopes scopes_before_;
    std::vector<ScopedRule> differing_;
    DiffIdentities identities_;
    Rules all_;
    PartnerIndex partners_;
    std::vector<std::string> names_;
    std::size_t alone_ = 0;
    std::size_t asked_ = 0;
    DiffAsker asker_;
};

}  // namespace

PolicyDiff diff(const DiffSide& before,
                const DiffSide& after,
                UserDatabase& users,
                const DiffBounds& bounds) {
    return Differ(before, after, users, bounds).run();
}

}  // namespace buzon::policy
