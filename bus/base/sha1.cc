// SPDX-License-Identifier: Apache-2.0
#include "bus/base/sha1.h"

#include <array>
#include <cstddef>

#include <gcrypt.h>

#include "bus/base/hex.h"

namespace buzon::bus {

void prepare_sha1() {
    // The version check is what initialises the library; it takes no lock on memory pages, as
    // hashing needs no secure memory.
    gcry_check_version(nullptr);
    gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
}

std::string sha1_hex(std::string_view text) {
    prepare_sha1();
    std::array<std::byte, 20> digest{};
    gcry_md_hash_buffer(GCRY_MD_SHA1, digest.data(), text.data(), text.size());
    return to_hex(digest);
}

}  // namespace buzon::bus
