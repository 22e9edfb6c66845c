// SPDX-License-Identifier: Apache-2.0
// One <limit name="...">NUMBER</limit>, in any file. Errors: ConfigError at the element.
#pragma once

#include "policy/element.h"
#include "policy/limits.h"

namespace buzon::policy {

/// `scope`: whose file it stands in.
[[nodiscard]] LimitSetting parse_limit_element(const SourceFile& file,
                                               const XmlElement& element,
                                               LimitScope scope);

}  // namespace buzon::policy
