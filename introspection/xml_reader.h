// SPDX-License-Identifier: Apache-2.0
// Introspection XML to the model: a pure function over text that a stranger wrote.
// Reads no file, no DTD and no network; a document that declares entities is refused.
// Elements and attributes that it does not know (documentation) are skipped.
// Bounds: kMaxXmlBytes, kMaxXmlDepth. Errors say the line, counted from 1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "bus/base/result.h"
#include "introspection/model.h"

namespace buzon::introspection {

inline constexpr std::size_t kMaxXmlBytes = std::size_t{8} << 20;
/// Elements of any kind, the root included, nest at most this deep.
inline constexpr std::size_t kMaxXmlDepth = 64;

enum class XmlErrorKind : std::uint8_t {
    TooLarge,
    TooDeep,
    NotWellFormed,     // subject: what libxml2 says
    EntityDeclared,    // subject: its name
    RootIsNotNode,     // subject: the element found
    MisplacedElement,  // subject: the element; known, but not allowed in its parent
    MissingAttribute,  // subject: element and attribute
    BadDirection,      // subject: the value
    BadAccess,         // subject: the value
};

struct XmlError {
    XmlErrorKind kind;
    std::size_t line = 0;
    std::string subject{};

    bool operator==(const XmlError&) const = default;
};

/// `line 3: <method> is not allowed here`
[[nodiscard]] std::string describe(const XmlError& error);

/// The root node of the document in `text`, or the first thing wrong with it.
bus::Result<Node, XmlError> read_xml(std::string_view text);

}  // namespace buzon::introspection
