// SPDX-License-Identifier: Apache-2.0
// XML text to a tree of elements with their places, through libxml2. Opens nothing: no network, no
// external entities, no DTD. Bounded: size, depth, and what entities may expand to.
// Text is UTF-8 whatever the declaration says; names are taken as they are, without name spaces.
// Errors: ConfigError, at the first violation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace buzon::policy {

inline constexpr std::size_t kMaxXmlBytes = std::size_t{16} << 20;
inline constexpr std::size_t kMaxXmlElements = std::size_t{1} << 18;
inline constexpr unsigned kMaxXmlDepth = 32;

struct XmlAttribute {
    std::string name;
    std::string value;
};

struct XmlElement {
    std::string name;
    /// Where its start tag begins.
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::vector<XmlAttribute> attributes;
    /// All character data directly inside, entities and CDATA resolved, white space kept.
    std::string text;
    std::vector<XmlElement> children;

    /// Null where there is none of that name.
    [[nodiscard]] const std::string* attribute(std::string_view wanted) const;
};

/// With itself and all below it.
[[nodiscard]] std::size_t count_elements(const XmlElement& element);

/// The root element of `bytes`. `file` is for the texts of errors only.
[[nodiscard]] XmlElement read_xml(std::string_view bytes, const std::string& file);

}  // namespace buzon::policy
