// SPDX-License-Identifier: Apache-2.0
// Limits that hold for one user or for the receiver that owns one name, in place of those for
// everybody. A plain value: users are uids, nothing is left to be looked up.
// Invariant: each limit stands once for a subject, and may be said for it.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/config.h"
#include "policy/limits.h"
#include "policy/resolved_policy.h"
#include "policy/user_database.h"

namespace buzon::policy {

struct LimitOverrides {
    using Settings = std::vector<LimitSetting>;

    std::map<std::uint32_t, Settings> users;
    std::map<std::string, Settings, std::less<>> destinations;

    friend bool operator==(const LimitOverrides&, const LimitOverrides&) = default;
};

/// Looks up the users in `config`. Who does not exist is appended to `warnings`, as resolve() does
/// it; so is one about whom the name service has no answer, unless `unreachable` says Refuse.
/// Errors: ConfigError.
[[nodiscard]] LimitOverrides resolve_limits(const Config& config,
                                            UserDatabase& users,
                                            std::vector<Warning>& warnings,
                                            WhenUnreachable unreachable = WhenUnreachable::Refuse);

/// `limits` with `settings` in their place.
[[nodiscard]] Limits with_settings(Limits limits, std::span<const LimitSetting> settings);

/// The limits of those users who have others than everybody.
[[nodiscard]] std::map<std::uint32_t, Limits> limits_of_users(const Limits& everybody,
                                                              const LimitOverrides& overrides);

/// The limits of a receiver that owns `names`: where several of them have the same limit, the
/// largest holds; where none has it, that of `everybody`.
[[nodiscard]] Limits limits_of_destination(const Limits& everybody,
                                           const LimitOverrides& overrides,
                                           std::span<const std::string_view> names);

}  // namespace buzon::policy
