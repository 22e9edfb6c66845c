// SPDX-License-Identifier: Apache-2.0
// One <allow> or <deny> element to a Rule, with dbus-daemon's constraints on which attributes may
// stand together. Values are not checked for syntax: an impossible name never matches.
// Errors: ConfigError at the element.
#pragma once

#include "policy/element.h"
#include "policy/rule.h"

namespace buzon::policy {

/// The highest number that min_fds and max_fds take.
inline constexpr std::uint32_t kMaxRuleFds = std::uint32_t{32} << 20;

[[nodiscard]] Rule parse_rule(const SourceFile& file, const XmlElement& element);

}  // namespace buzon::policy
