// SPDX-License-Identifier: Apache-2.0
// One <busconfig> of a file of ours, which dbus-daemon never reads, as plain values: limits for
// everybody, for users and for destinations. Errors: ConfigError.
#pragma once

#include <vector>

#include "policy/config.h"
#include "policy/element.h"

namespace buzon::policy {

/// What one such file says, in its order.
struct BuzonConfig {
    std::vector<LimitSetting> limits;
    std::vector<SpecialLimits> users;
    std::vector<SpecialLimits> destinations;
};

[[nodiscard]] BuzonConfig parse_buzon_config(const SourceFile& file, const XmlElement& root);

}  // namespace buzon::policy
