// SPDX-License-Identifier: Apache-2.0
#include "bus/base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

namespace buzon::bus {

void fill_random(std::span<std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            throw std::system_error(errno, std::generic_category(), "getrandom");
        }
        bytes = bytes.subspan(static_cast<std::size_t>(got));
    }
}

}  // namespace buzon::bus
