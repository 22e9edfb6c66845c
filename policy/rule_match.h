// SPDX-License-Identifier: Apache-2.0
// Does one rule apply to one question? Pure; the meaning of every condition stands here.
// Source: dbus-daemon(1), and the behaviour of dbus-daemon 1.14 where the page is silent.
#pragma once

#include <string_view>

#include "policy/policy_snapshot.h"
#include "policy/rule.h"

namespace buzon::policy {

[[nodiscard]] bool matches(Effect effect, const OwnRule& rule, std::string_view name);
[[nodiscard]] bool matches(Effect effect, const SendRule& rule, const SendQuery& query);
[[nodiscard]] bool matches(Effect effect, const ReceiveRule& rule, const ReceiveQuery& query);

/// Whether the rule, in force, makes all earlier ones of its kind void.
/// Compat: dbus-daemon takes a rule without type, path, interface, member, error and name for one
/// that matches everything, and so drops those before it, although it may ask for a broadcast, a
/// number of descriptors or a requested reply.
[[nodiscard]] bool voids_earlier_rules(const OwnRule& rule);
[[nodiscard]] bool voids_earlier_rules(const SendRule& rule);
[[nodiscard]] bool voids_earlier_rules(const ReceiveRule& rule);

/// Whether the rule, allowing, matches every question that there is.
[[nodiscard]] bool allows_everything(const OwnRule& rule);
[[nodiscard]] bool allows_everything(const SendRule& rule);
[[nodiscard]] bool allows_everything(const ReceiveRule& rule);

}  // namespace buzon::policy
