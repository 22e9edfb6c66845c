// SPDX-License-Identifier: Apache-2.0
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "clients/ctl/complaint.h"
#include "clients/ctl/policy_command.h"
#include "clients/ctl/policy_files.h"
#include "clients/ctl/value_text.h"
#include "policy/diff.h"

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

void print_changes(const policy::PolicyDiff& diff,
                   const policy::PolicySet& before,
                   const policy::PolicySet& after) {
    for (const auto& change : diff.changes) {
        fmt::print("{}: {}\n", kind_word(change.kind), escape_controls(change.question));
        print_verdict('A', change.before, before);
        print_verdict('B', change.after, after);
        if (change.questions > 1)
            fmt::print("  and {} more questions that these decide\n", change.questions - 1);
    }
    if (diff.changes.empty()) fmt::print("No difference found in {} questions.\n", diff.questions);
}

Json to_json(const policy::PolicyDiff& diff,
             const policy::PolicySet& before,
             const policy::PolicySet& after) {
    Json changes = Json::array();
    for (const auto& change : diff.changes) {
        changes.push_back({{"kind", kind_word(change.kind)},
                           {"question", change.question},
                           {"questions", change.questions},
                           {"before", verdict_json(change.before, before)},
                           {"after", verdict_json(change.after, after)}});
    }
    return {{"changes", std::move(changes)},
            {"questions", diff.questions},
            {"sampled", diff.is_sampled}};
}

}  // namespace

int diff_policies(const Options& options) {
    policy::SystemUserDatabase users;
    const LoadedPolicy before = load_policy(options.arguments[1], users);
    const LoadedPolicy after = load_policy(options.arguments[2], users);
    const auto diff =
        policy::diff({before.resolved, *before.set}, {after.resolved, *after.set}, users);
    if (options.json != JsonMode::Off) {
        fmt::print("{}\n", to_text(to_json(diff, *before.set, *after.set), options.json));
    } else {
        print_changes(diff, *before.set, *after.set);
        if (diff.is_sampled)
            complain("So much differs that only a part of all questions was asked.");
    }
    return diff.changes.empty() ? 0 : 1;
}

}  // namespace buzon::clients
