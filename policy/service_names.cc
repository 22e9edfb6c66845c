// SPDX-License-Identifier: Apache-2.0
#include "policy/service_names.h"

#include <utility>

namespace buzon::policy {

namespace {

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r";
    const auto first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

bool ServiceNames::contains_below(std::string_view prefix) const {
    if (names_.contains(prefix)) return true;
    const std::string below = std::string(prefix) + ".";
    const auto next = names_.lower_bound(below);
    return next != names_.end() && next->starts_with(below);
}

std::optional<std::string> service_name_in(std::string_view file_text) {
    bool in_group = false;
    while (!file_text.empty()) {
        const auto end = file_text.find('\n');
        const auto line = trimmed(file_text.substr(0, end));
        file_text.remove_prefix(end == std::string_view::npos ? file_text.size() : end + 1);
        if (line.starts_with('[')) in_group = line == "[D-BUS Service]";
        const auto equals = line.find('=');
        if (!in_group || equals == std::string_view::npos) continue;
        if (trimmed(line.substr(0, equals)) == "Name") {
            return std::string(trimmed(line.substr(equals + 1)));
        }
    }
    return {};
}

ServiceNames read_service_names(const Config& config, FileSource& files) {
    std::set<std::string, std::less<>> names;
    for (const ServiceDirectory& directory : config.service_directories) {
        const auto entries = files.list(directory.path);
        if (!entries) continue;
        for (const std::string& entry : *entries) {
            if (!entry.ends_with(".service")) continue;
            const auto text = files.read(directory.path + "/" + entry);
            if (!text) continue;
            if (auto name = service_name_in(*text)) names.insert(*std::move(name));
        }
    }
    return ServiceNames(std::move(names));
}

}  // namespace buzon::policy
