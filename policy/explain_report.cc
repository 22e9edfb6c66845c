// SPDX-License-Identifier: Apache-2.0
#include "policy/explain_report.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace buzon::policy {

namespace {

std::string_view word_for(RuleFate fate) {
    switch (fate) {
        case RuleFate::Decides: return "decides";
        case RuleFate::LaterRule: return "later-rule";
        case RuleFate::LaterBlock: return "later-block";
        case RuleFate::StrongerContext: return "stronger-context";
        case RuleFate::Void: return "void";
    }
    return "";
}

ReportedRule reported(const ExplainedRule& explained, const SourceFiles& files) {
    const Rule& rule = *explained.rule;
    return {.fate = std::string(word_for(explained.fate)),
            .why = std::string(describe(explained.fate)),
            .file = files.name(rule.location.file),
            .line = rule.location.line,
            .text = to_text(rule),
            .block = to_text(*explained.block),
            .beaten_by = explained.beaten_by ? files.describe(explained.beaten_by->location) : ""};
}

std::string_view default_text(const Explanation& explanation, DefaultAnswer otherwise) {
    if (explanation.verdict.rule) return "";
    if (otherwise == DefaultAnswer::BusOwnerOnly) {
        return "no rule applies, and then only the user who runs the bus may connect";
    }
    return explanation.rules.empty() ? "no rule applies, and what no rule allows is denied"
                                     : "no rule that applies is in force, and what no rule allows "
                                       "is denied";
}

}  // namespace

ExplanationReport report(const Explanation& explanation,
                         const SourceFiles& files,
                         DefaultAnswer otherwise,
                         std::string subject) {
    ExplanationReport result{.allowed = explanation.verdict.allowed,
                             .log = explanation.verdict.log,
                             .subject = std::move(subject),
                             .reason = std::string(default_text(explanation, otherwise)),
                             .rules = {},
                             .matching = explanation.matching};
    result.rules.reserve(explanation.rules.size());
    for (const ExplainedRule& rule : explanation.rules) {
        result.rules.push_back(reported(rule, files));
    }
    return result;
}

ExplanationReport not_judged(std::string reason) {
    ExplanationReport result;
    result.judged = false;
    result.reason = std::move(reason);
    return result;
}

}  // namespace buzon::policy
