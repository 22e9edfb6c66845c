// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "clients/ctl/complaint.h"
#include "clients/ctl/policy_command.h"
#include "clients/ctl/policy_files.h"
#include "clients/ctl/value_json.h"
#include "clients/ctl/value_text.h"
#include "policy/diff.h"
#include "policy/limits.h"

namespace buzon::clients {
namespace {

std::string_view kind_word(policy::DecisionKind kind) {
    switch (kind) {
        case policy::DecisionKind::Connect: return "connect";
        case policy::DecisionKind::Own: return "own";
        case policy::DecisionKind::Send: return "send";
        case policy::DecisionKind::Receive: return "receive";
    }
    return "";
}

std::string_view verdict_word(const policy::Verdict& verdict) {
    if (!verdict.allowed) return "denied";
    return verdict.log ? "allowed and logged" : "allowed";
}

std::string place_of(const policy::Verdict& verdict, const policy::PolicySet& set) {
    return verdict.rule ? set.files().describe(verdict.rule->location) : "";
}

void print_verdict(char side, const policy::Verdict& verdict, const policy::PolicySet& set) {
    if (!verdict.rule) {
        fmt::print("  {}: {}: no rule applies\n", side, verdict_word(verdict));
        return;
    }
    fmt::print("  {}: {} by {}: {}\n", side, verdict_word(verdict),
               escape_controls(place_of(verdict, set)),
               escape_controls(policy::to_text(*verdict.rule)));
}

Json verdict_json(const policy::Verdict& verdict, const policy::PolicySet& set) {
    Json json{{"allowed", verdict.allowed}, {"log", verdict.log}};
    if (!verdict.rule) return json;
    json["file"] = set.files().name(verdict.rule->location.file);
    json["line"] = verdict.rule->location.line;
    json["rule"] = policy::to_text(*verdict.rule);
    return json;
}

/// All that differs.
struct Comparison {
    const LoadedPolicy& before;
    const LoadedPolicy& after;
    policy::PolicyDiff decisions;
    std::vector<policy::LimitChange> limits;

    [[nodiscard]] bool has_found_any() const {
        return !decisions.changes.empty() || !limits.empty();
    }
};

std::string limit_text(const std::optional<std::uint64_t>& value) {
    return value ? fmt::format("{}", *value) : "none";
}

void print(const Comparison& comparison) {
    for (const auto& [name, before, after] : comparison.limits)
        fmt::print("limit: {}\n  A: {}\n  B: {}\n", name, limit_text(before), limit_text(after));
    const auto& decisions = comparison.decisions;
    for (const auto& change : decisions.changes) {
        fmt::print("{}: {}\n", kind_word(change.kind), escape_controls(change.question));
        print_verdict('A', change.before, *comparison.before.set);
        print_verdict('B', change.after, *comparison.after.set);
        if (change.questions > 1)
            fmt::print("  and {} more questions that these decide\n", change.questions - 1);
    }
    if (!decisions.changes.empty()) return;
    fmt::print("No {} found in {} questions.\n",
               comparison.limits.empty() ? "difference" : "other difference", decisions.questions);
}

Json limit_json(const std::optional<std::uint64_t>& value) {
    return value ? Json(*value) : Json();
}

Json to_json(const Comparison& comparison) {
    Json changes = Json::array();
    for (const auto& change : comparison.decisions.changes) {
        changes.push_back({{"kind", kind_word(change.kind)},
                           {"question", change.question},
                           {"questions", change.questions},
                           {"before", verdict_json(change.before, *comparison.before.set)},
                           {"after", verdict_json(change.after, *comparison.after.set)}});
    }
    Json limits = Json::array();
    for (const auto& [name, before, after] : comparison.limits)
        limits.push_back(
            {{"name", name}, {"before", limit_json(before)}, {"after", limit_json(after)}});
    Json cuts = Json::array();
    for (const auto& [what, asked, of] : comparison.decisions.cuts)
        cuts.push_back({{"what", what}, {"asked", asked}, {"of", of}});
    return {{"changes", std::move(changes)},
            {"limits", std::move(limits)},
            {"questions", comparison.decisions.questions},
            {"cuts", std::move(cuts)}};
}

}  // namespace

int diff_policies(const Options& options) {
    policy::SystemUserDatabase users;
    const LoadedPolicy before = load_policy(options.arguments[1], users);
    const LoadedPolicy after = load_policy(options.arguments[2], users);
    const Comparison comparison{
        before, after,
        policy::diff({before.resolved, *before.set}, {after.resolved, *after.set}, users),
        policy::changed_limits(before.config.limits, after.config.limits)};
    if (options.json != JsonMode::Off) {
        fmt::print("{}\n", to_text(to_json(comparison), options.json));
    } else {
        print(comparison);
        for (const auto& [what, asked, of] : comparison.decisions.cuts)
            complain(
                fmt::format("Not all questions were asked, for there are too many: {}: {} of {}",
                            what, asked, of));
    }
    return comparison.has_found_any() ? 1 : 0;
}

}  // namespace buzon::clients
