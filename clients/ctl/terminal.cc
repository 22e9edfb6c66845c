// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

namespace buzon::clients {

std::size_t terminal_width() {
    winsize size{};
    if (isatty(STDOUT_FILENO) == 0) return 0;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace buzon::clients
