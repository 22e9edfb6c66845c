// SPDX-License-Identifier: Apache-2.0
// A keyring of any bytes gives a bounded number of cookies, and they survive being written.
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "broker/launcher/cookie_keyring.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace buzon::broker;
    auto cookies = parse_keyring({reinterpret_cast<const char*>(data), size});
    assert(cookies.size() <= kMaxKeyringCookies);
    assert(parse_keyring(format_keyring(cookies)) == cookies);
    constexpr std::int64_t kNow = 1795378335;
    prune_keyring(cookies, kNow);
    const KeyringCookie* fresh = find_fresh_cookie(cookies, kNow);
    assert(!fresh || (fresh->created >= kNow - 300 && fresh->created <= kNow + 300));
    return 0;
}
