// SPDX-License-Identifier: Apache-2.0
// The syntax of bus, interface, member and error names: pure predicates over text.
// Source: D-Bus Specification, "Valid Names". Bytes, not characters; all names are ASCII.
#pragma once

#include <string_view>

namespace buzon::bus {

/// Two or more elements `[A-Za-z_][A-Za-z0-9_]*` joined by dots, 255 bytes at most.
[[nodiscard]] bool is_interface_name(std::string_view text);
/// The rules of an interface name.
[[nodiscard]] bool is_error_name(std::string_view text);
/// One element `[A-Za-z_][A-Za-z0-9_]*`, 1 to 255 bytes, no dot.
[[nodiscard]] bool is_member_name(std::string_view text);
/// `org.example.Mail`: two or more elements `[A-Za-z_-][A-Za-z0-9_-]*`, 255 bytes at most.
[[nodiscard]] bool is_well_known_name(std::string_view text);
/// `:1.42`: a colon, then elements that may begin with a digit.
/// Compat: dbus-daemon accepts one without a dot, the colon alone, and a dot right behind the
/// colon; the specification does not.
[[nodiscard]] bool is_unique_name(std::string_view text);
/// Either of the two.
[[nodiscard]] bool is_bus_name(std::string_view text);
/// What `arg0namespace` takes: a well-known name, of which one element is enough.
/// Compat: dbus-daemon takes unique names as well.
[[nodiscard]] bool is_bus_namespace(std::string_view text);
/// `/`, or elements `[A-Za-z0-9_]+` each behind one slash; no trailing slash; no length limit.
[[nodiscard]] bool is_object_path(std::string_view text);

}  // namespace buzon::bus
