// SPDX-License-Identifier: Apache-2.0
// What a configuration asks for that this bus does not do: listed as `unenforced` where leaving it
// undone changes who may do what, as a warning where the file does not insist on it.
#pragma once

#include "policy/config.h"
#include "policy/config_environment.h"

namespace buzon::policy {

/// Fills `config.unenforced`, appends to `config.warnings`.
/// Errors: ConfigError where the machine lacks what the file requires.
void judge_what_is_not_enforced(Config& config, const ConfigEnvironment& environment);

}  // namespace buzon::policy
