// SPDX-License-Identifier: Apache-2.0
// Model to introspection XML, laid out byte for byte as dbus-daemon lays out its own.
// Depends on nothing but the model: the broker's driver uses it.
// Order within an element: annotations, then for an interface methods, properties, signals.
// Source: D-Bus Specification, "Introspection Data Format"; dbus-daemon 1.14 for the white space.
#pragma once

#include <string>

#include "introspection/model.h"

namespace buzon::introspection {

/// The whole document: doctype, root node, a newline at the end.
/// Attribute values are escaped; characters that XML cannot carry become U+FFFD.
[[nodiscard]] std::string to_xml(const Node& root);

}  // namespace buzon::introspection
