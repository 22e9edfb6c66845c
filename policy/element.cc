// SPDX-License-Identifier: Apache-2.0
#include "policy/element.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace buzon::policy {

namespace {

/// What stands before the first `_`, with it; empty where there is none.
std::string_view family_of(std::string_view name) {
    const auto end = name.find('_');
    return end == std::string_view::npos ? std::string_view() : name.substr(0, end + 1);
}

/// The names of `wanted`'s family; where it has none, all, large families by their prefix.
std::vector<std::string> expected_instead_of(std::string_view wanted,
                                             std::initializer_list<std::string_view> allowed) {
    constexpr std::ptrdiff_t kLargeFamily = 3;
    const auto size_of = [&](std::string_view family) {
        return std::count_if(allowed.begin(), allowed.end(),
                             [&](std::string_view name) { return family_of(name) == family; });
    };
    const auto meant = family_of(wanted);
    const bool known_family = !meant.empty() && size_of(meant) > 0;
    std::vector<std::string> names;
    for (const std::string_view name : allowed) {
        const auto family = family_of(name);
        if (known_family && family != meant) continue;
        const bool in_short = !known_family && !family.empty() && size_of(family) >= kLargeFamily;
        std::string text = in_short ? fmt::format("{}*", family) : std::string(name);
        if (names.empty() || names.back() != text) names.push_back(std::move(text));
    }
    return names;
}

/// How many letters have to be changed, added or taken out.
std::size_t distance(std::string_view left, std::string_view right) {
    std::vector<std::size_t> row(right.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < left.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < right.size(); ++j) {
            const std::size_t changed = diagonal + (left[i] == right[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

}  // namespace

std::optional<std::string_view> nearest_name(std::string_view wanted,
                                             std::span<const std::string_view> known) {
    constexpr std::size_t kLongest = 64;
    std::optional<std::string_view> nearest;
    std::size_t least = std::min<std::size_t>(2, 1 + wanted.size() / 4) + 1;
    if (wanted.size() > kLongest) return nearest;
    for (const std::string_view name : known) {
        const auto steps = distance(wanted, name);
        if (steps >= least) continue;
        least = steps;
        nearest = name;
    }
    return nearest;
}

Location location_of(const SourceFile& file, const XmlElement& element) {
    return {file.id, element.line, element.column};
}

void fail_at(const SourceFile& file, const XmlElement& element, const std::string& text) {
    throw ConfigError(file.path, element.line, element.column, text);
}

void require_attributes_among(const SourceFile& file,
                              const XmlElement& element,
                              std::initializer_list<std::string_view> allowed) {
    for (const auto& attribute : element.attributes) {
        if (std::find(allowed.begin(), allowed.end(), attribute.name) != allowed.end()) continue;
        const auto meant = nearest_name(attribute.name, {allowed.begin(), allowed.size()});
        const auto advice =
            allowed.size() == 0 ? std::string("it takes no attributes")
            : meant             ? fmt::format("did you mean {}?", *meant)
                                : fmt::format("expected {}",
                                              fmt::join(expected_instead_of(attribute.name, allowed), ", "));
        fail_at(file, element,
                fmt::format("unknown attribute \"{}\" on <{}>; {}", attribute.name, element.name,
                            advice));
    }
}

void require_no_text(const SourceFile& file, const XmlElement& element) {
    if (element.text.find_first_not_of(" \t\r\n") == std::string::npos) return;
    fail_at(file, element, fmt::format("<{}> must not have text inside", element.name));
}

void require_no_children(const SourceFile& file, const XmlElement& element) {
    if (element.children.empty()) return;
    const auto& child = element.children.front();
    fail_at(file, child,
            fmt::format("element <{}> is not allowed inside <{}>", child.name, element.name));
}

}  // namespace buzon::policy
