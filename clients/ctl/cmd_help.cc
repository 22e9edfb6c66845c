// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "clients/ctl/command.h"

namespace buzon::clients {

int run_help(const Options& /*options*/) {
    fmt::print("{}", help_text());
    return 0;
}

}  // namespace buzon::clients
