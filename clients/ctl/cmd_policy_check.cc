// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "clients/ctl/complaint.h"
#include "clients/ctl/policy_command.h"
#include "clients/ctl/policy_files.h"
#include "clients/ctl/value_json.h"
#include "clients/ctl/value_text.h"
#include "policy/check.h"
#include "policy/config_files.h"
#include "policy/service_names.h"

namespace buzon::clients {
namespace {

/// A finding that knows its file by name.
struct PlacedFinding {
    std::string file;
    policy::Finding finding;
};

/// What is found in all files together.
struct Findings {
    std::vector<PlacedFinding> placed;
    /// Some file could not be read, or not to its end.
    bool has_broken_file = false;
    std::vector<std::string> parts;
};

void add_findings_in(const policy::Config& config, Findings& findings) {
    policy::SystemUserDatabase users;
    policy::DiskFiles files;
    for (auto& finding : policy::check(config, users, policy::read_service_names(config, files))) {
        findings.placed.push_back({config.files.name(finding.location.file), std::move(finding)});
    }
}

void add_findings_in_file(const std::string& path, Findings& findings) {
    const policy::Config config = read_config_file(path);
    if (config.listen.empty()) findings.parts.push_back(path);
    add_findings_in(config, findings);
}

void add_findings_in_buzon_file(const std::string& path, Findings& findings) {
    add_findings_in(read_buzon_file(path), findings);
}

policy::Finding finding_of(const policy::ConfigError& error) {
    return {policy::Severity::Error,
            {{}, error.line(), error.column()},
            "malformed",
            error.text(),
            "Correct it: what else the file holds was not checked."};
}

template <typename Add>
void add_findings(const std::vector<std::string>& paths, Findings& findings, const Add& add) {
    for (const auto& path : paths) {
        try {
            add(path, findings);
        } catch (const policy::ConfigError& error) {
            findings.placed.push_back({error.file(), finding_of(error)});
            findings.has_broken_file = true;
        }
    }
}

void tell_of_parts(const std::vector<std::string>& parts) {
    if (parts.size() == 1) {
        tell_of_part(parts.front());
    } else if (!parts.empty()) {
        complain(
            fmt::format("{} files have no <listen>: each is taken for a part of a "
                        "configuration, without the rest",
                        parts.size()));
    }
}

/// Advice is given once for each kind.
void print(const PlacedFinding& placed, std::set<std::string_view>& advised) {
    const auto& [severity, location, kind, text, advice] = placed.finding;
    // As compilers write it, so that editors find the place.
    const auto place = location.line == 0
                           ? placed.file
                           : fmt::format("{}:{}:{}", placed.file, location.line, location.column);
    fmt::print("{}: {}: {} [{}]\n", escape_controls(place), policy::to_text(severity),
               escape_controls(text), kind);
    if (!advice.empty() && advised.insert(kind).second)
        fmt::print("    {}\n", escape_controls(advice));
}

Json to_json(const PlacedFinding& placed) {
    const auto& [severity, location, kind, text, advice] = placed.finding;
    return {{"file", placed.file},
            {"line", location.line},
            {"column", location.column},
            {"severity", policy::to_text(severity)},
            {"kind", kind},
            {"text", text},
            {"advice", advice}};
}

void print_all(const std::vector<PlacedFinding>& findings, const Options& options) {
    if (options.json != JsonMode::Off) {
        Json array = Json::array();
        for (const auto& placed : findings)
            array.push_back(to_json(placed));
        fmt::print("{}\n", to_text(array, options.json));
        return;
    }
    std::set<std::string_view> advised;
    for (const auto& placed : findings)
        print(placed, advised);
}

}  // namespace

int check_policy(const Options& options) {
    std::vector<std::string> paths(options.arguments.begin() + 1, options.arguments.end());
    const auto& own = options.policy.mailbox_configs;
    if (paths.empty() && own.empty()) paths.push_back(standard_config_file(options.bus.scope));
    Findings findings;
    add_findings(paths, findings, add_findings_in_file);
    add_findings(own, findings, add_findings_in_buzon_file);
    print_all(findings.placed, options);
    tell_of_parts(findings.parts);
    constexpr int kBrokenFile = 2;
    if (findings.has_broken_file) return kBrokenFile;
    const bool matters =
        std::any_of(findings.placed.begin(), findings.placed.end(), [&](const auto& placed) {
            return options.policy.strict || placed.finding.severity != policy::Severity::Note;
        });
    return matters ? 1 : 0;
}

}  // namespace buzon::clients
