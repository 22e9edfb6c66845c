// SPDX-License-Identifier: Apache-2.0
#include "bus/base/hash.h"

#include <sys/random.h>
#include <cerrno>
#include <system_error>

namespace buzon::bus {

HashSeed random_hash_seed() {
    HashSeed seed;
    for (;;) {
        // Up to 256 bytes come whole or not at all.
        if (::getrandom(&seed, sizeof seed, 0) == sizeof seed) return seed;
        if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "getrandom");
    }
}

}  // namespace buzon::bus
