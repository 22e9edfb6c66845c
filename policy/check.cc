// SPDX-License-Identifier: Apache-2.0
#include "policy/check.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "bus/names.h"
#include "bus/protocol.h"
#include "policy/check_reach.h"
#include "policy/check_rule.h"
#include "policy/limit_overrides.h"
#include "policy/resolved_policy.h"

namespace buzon::policy {

namespace {

void check_whole(const Config& config, std::vector<Finding>& findings) {
    for (const auto& [location, text] : config.unenforced) {
        findings.push_back({Severity::Error, location, "not-enforced",
                            fmt::format("this can't be enforced: {}", text),
                            "buzond refuses to start with it, unless it is given "
                            "--unsafe-partial-policy."});
    }
    for (const auto& [location, text] : config.warnings) {
        // Those without a line are about the machine and not about the files.
        const bool is_left_out = location.line != 0;
        findings.push_back({is_left_out ? Severity::Error : Severity::Warning, location,
                            is_left_out ? "left-out" : "not-enforced", text,
                            is_left_out ? "Correct that file: nothing in it counts." : ""});
    }
}

/// Users and groups that there are not, in the words that the bus logs them with.
void check_subjects(const std::vector<Warning>& warnings, std::vector<Finding>& findings) {
    for (const auto& [location, text] : warnings) {
        const bool user = text.find("user \"") != std::string::npos;
        findings.push_back({Severity::Warning, location, user ? "unknown-user" : "unknown-group",
                            text, "Correct it, or create it before the bus reads this file."});
    }
}

void check_console(const PolicyBlock& block, std::vector<Finding>& findings) {
    if (block.context == PolicyContext::AtConsole) {
        findings.push_back({Severity::Warning, block.location, "at-console",
                            "nobody counts as being at the console, so nothing in here applies",
                            "Say who may: <policy group=\"...\">, or let the service ask polkit."});
    } else if (block.context == PolicyContext::NotAtConsole) {
        findings.push_back({Severity::Warning, block.location, "at-console",
                            "nobody counts as being at the console, so this applies to everybody",
                            "Write <policy context=\"default\">, or name those it is about."});
    }
}

/// Each name once for each file.
class ServiceCheck {
public:
    ServiceCheck(const ServiceNames& services, std::vector<Finding>& findings)
        : services_(services), findings_(findings) {}

    void check(const Rule& rule) {
        if (services_.empty()) return;
        if (const auto* own = std::get_if<OwnRule>(&rule.match)) {
            if (own->name) check(rule, *own->name, own->form);
        } else if (const auto* send = std::get_if<SendRule>(&rule.match)) {
            if (send->destination) check(rule, *send->destination, send->destination_form);
        } else if (const auto* receive = std::get_if<ReceiveRule>(&rule.match)) {
            if (receive->sender) check(rule, *receive->sender, NameForm::Exact);
        }
    }

private:
    void check(const Rule& rule, const std::string& name, NameForm form) {
        if (name == bus::kDriverName || !bus::is_bus_namespace(name)) return;
        const bool prefix = form == NameForm::Prefix;
        if (prefix ? services_.contains_below(name) : services_.contains(name)) return;
        if (!reported_.emplace(rule.location.file, name).second) return;
        findings_.push_back({Severity::Note, rule.location, "unknown-service",
                             fmt::format("no .service file provides {}{}", name,
                                         prefix ? " or a name below it" : ""),
                             "Check the spelling, unless the service is started otherwise."});
    }

    const ServiceNames& services_;
    std::vector<Finding>& findings_;
    std::set<std::pair<FileId, std::string>> reported_;
};

bool is_about_root(const PolicyBlock& block, const ResolvedPolicy& policy) {
    return block.context == PolicyContext::User &&
           policy.id_of(ConnectRule::Subject::User, block.subject) == 0U;
}

}  // namespace

std::vector<Finding> check(const Config& config,
                           UserDatabase& users,
                           const ServiceNames& services) {
    std::vector<Finding> findings;
    std::vector<Warning> warnings;
    const ResolvedPolicy policy = resolve(config, users, warnings, WhenUnreachable::DropAllows);
    (void)resolve_limits(config, users, warnings, WhenUnreachable::DropAllows);
    check_whole(config, findings);
    check_subjects(warnings, findings);
    ServiceCheck service_check(services, findings);
    const bool is_session_bus = config.type && config.type->value == "session";
    for (const PolicyBlock& block : policy.blocks) {
        check_console(block, findings);
        const RulePlace place{block, is_session_bus, is_about_root(block, policy)};
        for (const Rule& rule : block.rules) {
            check_rule(rule, place, findings);
            service_check.check(rule);
        }
    }
    check_reach(policy, findings);
    std::stable_sort(findings.begin(), findings.end(), [](const auto& left, const auto& right) {
        const auto place = [](const Location& at) { return std::tie(at.file, at.line, at.column); };
        return place(left.location) < place(right.location);
    });
    return findings;
}

std::string_view to_text(Severity severity) {
    switch (severity) {
        case Severity::Error: return "error";
        case Severity::Warning: return "warning";
        case Severity::Note: return "note";
    }
    return "";
}

}  // namespace buzon::policy
