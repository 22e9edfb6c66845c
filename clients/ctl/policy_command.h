// SPDX-License-Identifier: Apache-2.0
// What stands behind `buzonctl policy`. Each prints to standard output and returns the exit status;
// errors are thrown.
#pragma once

#include "clients/ctl/options.h"

namespace buzon::clients {

/// 0: allowed; 1: denied.
int explain_policy(const Options& options);
/// 0: nothing found; 1: warnings or errors, with --strict notes too; 2: a file can't be read.
int check_policy(const Options& options);
/// 0: both decide the same; 1: they differ.
int diff_policies(const Options& options);

}  // namespace buzon::clients
