// SPDX-License-Identifier: Apache-2.0
#include "policy/element.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace buzon::policy {

Location location_of(const SourceFile& file, const XmlElement& element) {
    return {file.id, element.line, element.column};
}

void fail_at(const SourceFile& file, const XmlElement& element, std::string text) {
    throw ConfigError(file.path, element.line, element.column, std::move(text));
}

void require_attributes_among(const SourceFile& file,
                              const XmlElement& element,
                              std::initializer_list<std::string_view> allowed) {
    for (const auto& attribute : element.attributes) {
        if (std::find(allowed.begin(), allowed.end(), attribute.name) != allowed.end()) continue;
        const auto expected = allowed.size() == 0
                                  ? std::string("it takes no attributes")
                                  : fmt::format("expected {}", fmt::join(allowed, ", "));
        fail_at(file, element,
                fmt::format("unknown attribute \"{}\" on <{}>; {}", attribute.name, element.name,
                            expected));
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
