// SPDX-License-Identifier: Apache-2.0
#include "policy/diff.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <system_error>
#include <tuple>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "policy/diff_rules.h"
#include "policy/diff_witness.h"
#include "policy/rule_match.h"
#include "policy/rule_scope.h"

namespace buzon::policy {

namespace {

/// Nobody has these, so no block of a user applies to the first, and nobody is the bus owner.
constexpr uid_t kSomebodyElse = static_cast<uid_t>(-2);
constexpr uid_t kBusOwner = static_cast<uid_t>(-3);

/// Somebody to ask for, and what holds for him on both sides.
struct Identity {
    uid_t uid = kSomebodyElse;
    std::vector<gid_t> gids;
    bus::Ref<const PolicySnapshot> before;
    bus::Ref<const PolicySnapshot> after;

    [[nodiscard]] PeerIdentity as_peer() const { return {.uid = uid, .gids = gids}; }
    [[nodiscard]] bool is_in(const RuleScope& scope) const {
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
    [[nodiscard]] std::string to_text() const {
        std::string text = uid == kSomebodyElse ? "any other user" : fmt::format("uid {}", uid);
        if (!gids.empty()) text += fmt::format(" in groups {}", fmt::join(gids, " "));
        return text;
    }
};

struct ScopedRule {
    const Rule* rule;
    RuleScope scope;
};

using Scopes = std::map<RuleScope, std::array<std::vector<const Rule*>, 4>>;

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

bool makes_void(const Rule& rule) {
    if (const auto* send = std::get_if<SendRule>(&rule.match)) return voids_earlier_rules(*send);
    const auto* receive = std::get_if<ReceiveRule>(&rule.match);
    return receive && voids_earlier_rules(*receive);
}

class Differ {
public:
    Differ(const DiffSide& before, const DiffSide& after, UserDatabase& users, DiffBounds bounds)
        : before_(before), after_(after), users_(users), bounds_(bounds) {}

    PolicyDiff run() {
        collect_rules();
        collect_identities();
        compare_connecting();
        for (const ScopedRule& one : sampled(differing_)) {
            if (const auto* own = std::get_if<OwnRule>(&one.rule->match)) {
                compare_owning(*own, one.scope);
            } else if (!std::holds_alternative<ConnectRule>(one.rule->match)) {
                compare_messages(one);
            }
        }
        return std::move(result_);
    }

private:
    void collect_rules() {
        const Scopes before = scopes_of(before_);
        const Scopes after = scopes_of(after_);
        std::set<RuleScope> scopes;
        for (const auto* side : {&before, &after}) {
            for (const auto& [scope, rules] : *side)
                scopes.insert(scope);
        }
        const std::array<std::vector<const Rule*>, 4> none;
        for (const RuleScope& scope : scopes) {
            const auto one = before.find(scope);
            const auto two = after.find(scope);
            for (std::size_t kind = 0; kind < none.size(); ++kind) {
                const auto& left = (one == before.end() ? none : one->second)[kind];
                const auto& right = (two == after.end() ? none : two->second)[kind];
                for (const Rule* rule : differing_rules(left, right)) {
                    differing_.push_back({rule, scope});
                }
            }
        }
        // Those that differ are the likeliest partners.
        for (const ScopedRule& one : differing_)
            partners_.push_back(one.rule);
        for (const auto* side : {&before, &after}) {
            for (const auto& [scope, kinds] : *side) {
                for (const auto& rules : kinds) {
                    partners_.insert(partners_.end(), rules.begin(), rules.end());
                }
            }
        }
        collect_names();
    }

    void collect_names() {
        std::set<std::string> names;
        for (const Rule* rule : partners_) {
            const auto* own = std::get_if<OwnRule>(&rule->match);
            if (own && own->name) names.insert(*own->name);
        }
        names_.assign(names.begin(), names.end());
    }

    void collect_identities() {
        add_identity(kSomebodyElse, {});
        std::set<gid_t> groups;
        std::map<uid_t, std::string> users;
        for (const DiffSide* side : {&before_, &after_}) {
            for (const auto& [name, id] : side->policy.groups)
                groups.insert(id);
            for (const auto& [name, id] : side->policy.users)
                users.emplace(id, name);
        }
        for (const auto& [uid, name] : users)
            add_identity(uid, groups_of(name));
        for (const gid_t gid : groups)
            add_identity(kSomebodyElse, {gid});
        // One in all groups shows which of them wins.
        if (groups.size() > 1) add_identity(kSomebodyElse, {groups.begin(), groups.end()});
    }

    std::vector<gid_t> groups_of(const std::string& name) {
        try {
            const auto user = users_.user(name);
            return user ? users_.groups_of(*user) : std::vector<gid_t>{};
        } catch (const std::system_error&) {
            return {};
        }
    }

    void add_identity(uid_t uid, std::vector<gid_t> gids) {
        if (identities_.size() >= bounds_.identities) {
            result_.is_sampled = true;
            return;
        }
        Identity identity{uid, std::move(gids), nullptr, nullptr};
        identity.before = before_.set.snapshot_for(identity.as_peer());
        identity.after = after_.set.snapshot_for(identity.as_peer());
        identities_.push_back(std::move(identity));
    }

    /// All, or as many from all over as the bounds allow.
    std::vector<ScopedRule> sampled(const std::vector<ScopedRule>& rules) {
        if (rules.size() <= bounds_.rules) return rules;
        result_.is_sampled = true;
        std::vector<ScopedRule> chosen;
        for (std::size_t index = 0; index < bounds_.rules; ++index) {
            chosen.push_back(rules[index * rules.size() / bounds_.rules]);
        }
        return chosen;
    }

    void compare_connecting() {
        for (const Identity& who : identities_) {
            compare(DecisionKind::Connect, before_.set.may_connect(who.as_peer(), kBusOwner),
                    after_.set.may_connect(who.as_peer(), kBusOwner),
                    [&] { return fmt::format("{} connects", who.to_text()); });
        }
    }

    void compare_owning(const OwnRule& rule, const RuleScope& scope) {
        for (const std::string& name : witnesses_for(rule, names_)) {
            if (is_exhausted()) return;
            for (const Identity& who : identities_) {
                if (!who.is_in(scope)) continue;
                if (!asked_.insert(fmt::format("own {} {}", name, &who - identities_.data()))
                         .second)
                    continue;
                compare(DecisionKind::Own, who.before->may_own(name), who.after->may_own(name),
                        [&] { return fmt::format("{} owns {}", who.to_text(), name); });
            }
        }
    }

    void compare_messages(const ScopedRule& one) {
        ask(witnesses_for(*one.rule, nullptr), one);
        const bool voids = makes_void(*one.rule);
        std::size_t crossed = 0;
        std::size_t looked_at = 0;
        for (const Rule* partner : partners_) {
            if (++looked_at > bounds_.looked_at) {
                result_.is_sampled = true;
                return;
            }
            if (partner == one.rule || partner->match.index() != one.rule->match.index()) continue;
            // What a voiding rule does to others shows where it does not apply itself.
            const bool meet = !contradict(*one.rule, *partner);
            if (!meet && !voids) continue;
            if (++crossed > bounds_.partners || is_exhausted()) {
                result_.is_sampled = true;
                return;
            }
            if (meet) ask(witnesses_for(*one.rule, partner), one);
            if (voids) ask(witnesses_for(*partner, nullptr), one);
        }
    }

    void ask(const std::vector<Witness>& witnesses, const ScopedRule& one) {
        const bool sends = std::holds_alternative<SendRule>(one.rule->match);
        for (const Witness& witness : witnesses) {
            const std::string text = to_text(witness, sends);
            for (const Identity& who : identities_) {
                if (!who.is_in(one.scope)) continue;
                const auto key = fmt::format("{}{} {}", sends, &who - identities_.data(), text);
                if (asked_.insert(key).second) ask(witness, who, sends, text);
            }
        }
    }

    void ask(const Witness& witness, const Identity& who, bool sends, const std::string& text) {
        const NameList party({witness.party});
        const MessageFacts message{.type = witness.type,
                                   .path = witness.path,
                                   .interface = witness.interface,
                                   .member = witness.member,
                                   .error_name = witness.error_name,
                                   .destination = witness.destination,
                                   .sender = sends ? std::string_view(":1.0") : witness.party,
                                   .is_reply = witness.is_reply,
                                   .fd_count = witness.fds};
        if (sends) {
            const SendQuery query{message, &party, witness.requested_reply};
            compare(DecisionKind::Send, who.before->may_send(query), who.after->may_send(query),
                    [&] { return fmt::format("{} sends a {}", who.to_text(), text); });
        } else {
            const ReceiveQuery query{message, &party, witness.requested_reply,
                                     witness.eavesdropping};
            compare(DecisionKind::Receive, who.before->may_receive(query),
                    who.after->may_receive(query),
                    [&] { return fmt::format("{} receives a {}", who.to_text(), text); });
        }
    }

    template <typename Describe>
    void compare(DecisionKind kind, Verdict before, Verdict after, Describe describe) {
        ++result_.questions;
        if (before.allowed == after.allowed && before.log == after.log) return;
        const auto key = std::make_tuple(kind, before.rule, after.rule);
        const auto [known, is_new] = changes_.emplace(key, result_.changes.size());
        if (is_new) result_.changes.push_back({kind, before, after, describe(), 0});
        ++result_.changes[known->second].questions;
    }

    bool is_exhausted() {
        if (result_.questions < bounds_.questions * identities_.size()) return false;
        result_.is_sampled = true;
        return true;
    }

    const DiffSide& before_;
    const DiffSide& after_;
    UserDatabase& users_;
    DiffBounds bounds_;
    std::vector<ScopedRule> differing_;
    std::vector<const Rule*> partners_;
    std::vector<std::string> names_;
    std::vector<Identity> identities_;
    std::unordered_set<std::string> asked_;
    std::map<std::tuple<DecisionKind, const Rule*, const Rule*>, std::size_t> changes_;
    PolicyDiff result_;
};

}  // namespace

PolicyDiff diff(const DiffSide& before,
                const DiffSide& after,
                UserDatabase& users,
                const DiffBounds& bounds) {
    return Differ(before, after, users, bounds).run();
}

}  // namespace buzon::policy
