// SPDX-License-Identifier: Apache-2.0
// What the parsers of elements share: an element in its file, and errors that name its place.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "policy/config.h"
#include "policy/xml_reader.h"

namespace buzon::policy {

/// The file that is being interpreted. `path` outlives it.
struct SourceFile {
    FileId id;
    const std::string& path;
};

[[nodiscard]] Location location_of(const SourceFile& file, const XmlElement& element);

/// Throws a ConfigError at `element`.
[[noreturn]] void fail_at(const SourceFile& file,
                          const XmlElement& element,
                          const std::string& text);

/// The one of `known` that `wanted` is probably a misspelling of.
[[nodiscard]] std::optional<std::string_view> nearest_name(std::string_view wanted,
                                                           std::span<const std::string_view> known);

/// Throws unless each attribute of `element` is one of `allowed`.
void require_attributes_among(const SourceFile& file,
                              const XmlElement& element,
                              std::initializer_list<std::string_view> allowed);

/// Throws if there is anything but white space in `element`, or a child where it can't have one.
void require_no_text(const SourceFile& file, const XmlElement& element);
void require_no_children(const SourceFile& file, const XmlElement& element);

}  // namespace buzon::policy
