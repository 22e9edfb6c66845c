// SPDX-License-Identifier: Apache-2.0
// The rules that certainly come behind a rule, for every peer that it applies to, are those further
// down in the same scope (all blocks of one context and subject) and those of the mandatory blocks.
// So each scope is walked from its end, with tables of what came before: one of its own and the one
// of the mandatory scope.
#include "policy/check_reach.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "policy/explain.h"
#include "policy/rule_cover.h"
#include "policy/rule_match.h"
#include "policy/rule_scope.h"

namespace buzon::policy {

namespace {

constexpr std::size_t kKinds = std::variant_size_v<decltype(Rule::match)>;

using Scope = RuleScope;

struct Placed {
    const Rule* rule;
    const PolicyBlock* block;
};

struct Covering {
    const Rule* rule = nullptr;
    Coverage coverage = Coverage::No;
};

MessageConditions* conditions_of(Rule& rule) {
    if (auto* send = std::get_if<SendRule>(&rule.match)) return &send->message;
    auto* receive = std::get_if<ReceiveRule>(&rule.match);
    return receive ? &receive->message : nullptr;
}

/// The rule once for each type of message that it applies to, and for signals once for those to
/// everybody. Types that no specification knows are left aside. Nothing for rules that can't be
/// divided in this way.
std::vector<Rule> parts_of(const Rule& rule) {
    Rule part = rule;
    MessageConditions* conditions = conditions_of(part);
    auto* send = std::get_if<SendRule>(&part.match);
    std::vector<Rule> parts;
    if (!conditions) return parts;
    const auto only = conditions->type;
    const auto broadcasts = send ? send->broadcast : std::nullopt;
    using bus::MessageType;
    for (const auto type : {MessageType::MethodCall, MessageType::Signal, MessageType::MethodReturn,
                            MessageType::Error}) {
        if (only && *only != type) continue;
        conditions->type = type;
        if (type != MessageType::Signal && broadcasts == true) continue;
        if (type != MessageType::Signal || !send || broadcasts) {
            parts.push_back(part);
            continue;
        }
        for (const bool broadcast : {false, true}) {
            send->broadcast = broadcast;
            parts.push_back(part);
        }
        send->broadcast = broadcasts;
    }
    if (parts.size() < 2) parts.clear();
    return parts;
}

/// The rules of a scope that have been walked over, as far as they can still cover one.
class WalkedRules {
public:
    /// The rule that covers `rule` best.
    [[nodiscard]] Covering find(const Rule& rule, std::span<const std::uint64_t> keys) const {
        Covering best;
        for (const auto key : keys) {
            const auto bucket = by_key_.find(key);
            if (bucket == by_key_.end()) continue;
            for (const Rule* later : bucket->second) {
                const Coverage found = coverage(*later, rule);
                if (found > best.coverage) best = {later, found};
                if (found == Coverage::Full) return best;
            }
        }
        return best;
    }

    /// Only rules that nothing covers: what they cover, nothing else need.
    void add(const Rule& rule) {
        // Rules with the same names differ in a few flags, and in numbers of descriptors.
        constexpr std::size_t kMostInBucket = 64;
        auto& bucket = by_key_[condition_key(rule)];
        if (bucket.size() < kMostInBucket) bucket.push_back(&rule);
    }

    /// The nearest rule that makes void what comes before it, for each kind.
    std::array<const Rule*, kKinds> voiding{};

private:
    std::unordered_map<std::uint64_t, std::vector<const Rule*>> by_key_;
};

bool makes_void(const Rule& rule) {
    return std::visit(
        [](const auto& match) {
            if constexpr (std::is_same_v<std::decay_t<decltype(match)>, ConnectRule>)
                return false;
            else
                return voids_earlier_rules(match);
        },
        rule.match);
}

/// Voids although it has a condition of its own, which is what surprises.
bool seems_narrow(const Rule& rule) {
    const auto limits_fds = [](const MessageConditions& message) {
        return message.min_fds != 0 || message.max_fds != kAnyFdCount;
    };
    if (const auto* send = std::get_if<SendRule>(&rule.match)) {
        return send->broadcast.has_value() || limits_fds(send->message);
    }
    if (const auto* receive = std::get_if<ReceiveRule>(&rule.match)) {
        return limits_fds(receive->message) ||
               (rule.effect == Effect::Deny && receive->message.eavesdrop);
    }
    return false;
}

bool wants_log(const Rule& rule) {
    const auto* send = std::get_if<SendRule>(&rule.match);
    return send && send->log;
}

class ReachCheck {
public:
    ReachCheck(const ResolvedPolicy& policy, std::vector<Finding>& findings)
        : files_(policy.files), findings_(findings) {
        for (const PolicyBlock& block : policy.blocks) {
            const auto scope = scope_of(block, policy);
            if (!scope) continue;
            for (const Rule& rule : block.rules) {
                scopes_[*scope].push_back({&rule, &block});
                ++counts_[*scope][rule.match.index()];
            }
        }
    }

    void run() {
        // Mandatory rules come behind all others, so they are walked over first.
        for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
            const bool mandatory = scope->first.first == PolicyContext::Mandatory;
            WalkedRules own;
            walk(scope->first, scope->second, mandatory ? mandatory_ : own);
        }
    }

private:
    void walk(const Scope& scope, const std::vector<Placed>& rules, WalkedRules& walked) {
        auto& ahead = counts_[scope];
        for (auto placed = rules.rbegin(); placed != rules.rend(); ++placed) {
            const Rule& rule = *placed->rule;
            const auto kind = rule.match.index();
            --ahead[kind];
            const bool counts = judge(rule, walked);
            if (!counts) continue;
            walked.add(rule);
            if (!makes_void(rule)) continue;
            walked.voiding[kind] = &rule;
            if (seems_narrow(rule)) report_voiding(scope, *placed, kind);
        }
    }

    /// True: nothing takes the rule's place.
    bool judge(const Rule& rule, const WalkedRules& walked) {
        const Covering found = find(rule, walked);
        if (found.coverage == Coverage::Full) {
            report_covered(rule, *found.rule);
            return false;
        }
        const auto kind = rule.match.index();
        const Rule* voiding =
            walked.voiding[kind] ? walked.voiding[kind] : mandatory_.voiding[kind];
        if (voiding) {
            report(Severity::Warning, rule, "unreachable-rule",
                   fmt::format("{} never decides: {} makes void all rules before it", to_text(rule),
                               place(*voiding)),
                   "Put it behind that rule, or give that rule a type or a destination.");
            return false;
        }
        const auto together = find_together(rule, walked);
        if (!together.empty()) {
            report_covered(rule, together);
            return false;
        }
        if (found.coverage == Coverage::AllButReplies && found.rule->effect != rule.effect) {
            report(Severity::Warning, rule, "unreachable-rule",
                   fmt::format("{} decides at most about replies: {} comes later and applies to "
                               "everything else that it applies to",
                               to_text(rule), place(*found.rule)),
                   "Take it out, or put it behind that rule.");
        }
        return true;
    }

    [[nodiscard]] Covering find(const Rule& rule, const WalkedRules& walked) const {
        const auto keys = keys_of_covering(rule);
        const Covering found = walked.find(rule, keys);
        if (found.coverage == Coverage::Full) return found;
        const Covering mandatory = mandatory_.find(rule, keys);
        return mandatory.coverage > found.coverage ? mandatory : found;
    }

    /// Rules that cover all parts of `rule` between them; none where some part is left.
    [[nodiscard]] std::vector<const Rule*> find_together(const Rule& rule,
                                                         const WalkedRules& walked) const {
        std::vector<const Rule*> covering;
        for (const Rule& part : parts_of(rule)) {
            const Covering found = find(part, walked);
            if (found.coverage != Coverage::Full) return {};
            if (std::find(covering.begin(), covering.end(), found.rule) == covering.end())
                covering.push_back(found.rule);
        }
        return covering;
    }

    void report_covered(const Rule& rule, const std::vector<const Rule*>& later) {
        const bool same = std::all_of(later.begin(), later.end(), [&](const Rule* each) {
            return each->effect == rule.effect && wants_log(*each) == wants_log(rule);
        });
        std::vector<std::string> places;
        places.reserve(later.size());
        for (const Rule* each : later)
            places.push_back(place(*each));
        report(
            same ? Severity::Note : Severity::Warning, rule,
            same ? "redundant-rule" : "unreachable-rule",
            fmt::format("{} {}: {} come later and together apply to all messages that it applies "
                        "to",
                        to_text(rule), same ? "adds nothing" : "never decides",
                        fmt::join(places, " and ")),
            same ? "Take it out." : "Take it out, or put it behind those rules.");
    }

    void report_covered(const Rule& rule, const Rule& later) {
        if (is_same_rule(rule, later)) {
            report(Severity::Note, rule, "duplicate-rule",
                   fmt::format("{} stands again at {}", to_text(rule),
                               files_.describe(later.location)),
                   "Take one of them out.");
        } else if (rule.effect == later.effect && wants_log(rule) == wants_log(later)) {
            report(Severity::Note, rule, "redundant-rule",
                   fmt::format("{} adds nothing to {}, which comes later", to_text(rule),
                               place(later)),
                   "Take it out.");
        } else {
            report(Severity::Warning, rule, "unreachable-rule",
                   fmt::format("{} never decides: {} comes later and applies wherever it does",
                               to_text(rule), place(later)),
                   "Take it out, or put it behind that rule.");
        }
    }

    /// `counts_` holds what is still ahead of the walk.
    void report_voiding(const Scope& scope, const Placed& placed, std::size_t kind) {
        std::size_t count = counts_[scope][kind];
        if (scope.first == PolicyContext::Mandatory) {
            for (const auto& [other, counts] : counts_)
                count += other == scope ? 0 : counts[kind];
        } else if (scope.first != PolicyContext::Default) {
            count += counts_[{PolicyContext::Default, 0}][kind];
        }
        if (count == 0) return;
        report(Severity::Warning, *placed.rule, "voids-earlier-rules",
               fmt::format("{} in {} makes void the {} rules of its kind that come before it, also "
                           "where it does not apply itself",
                           to_text(*placed.rule), to_text(*placed.block), count),
               "Give it a type or a destination, for instance send_type=\"signal\"; dbus-daemon "
               "reads it in the same way.");
    }

    [[nodiscard]] std::string place(const Rule& rule) const {
        return fmt::format("{} at {}", to_text(rule), files_.describe(rule.location));
    }

    void report(Severity severity,
                const Rule& rule,
                std::string_view kind,
                std::string text,
                std::string advice) {
        findings_.push_back({severity, rule.location, kind, std::move(text), std::move(advice)});
    }

    const SourceFiles& files_;
    std::vector<Finding>& findings_;
    /// Mandatory is the last context.
    std::map<Scope, std::vector<Placed>> scopes_;
    std::map<Scope, std::array<std::size_t, kKinds>> counts_;
    WalkedRules mandatory_;
};

}  // namespace

void check_reach(const ResolvedPolicy& policy, std::vector<Finding>& findings) {
    ReachCheck(policy, findings).run();
}

}  // namespace buzon::policy
