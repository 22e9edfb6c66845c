// SPDX-License-Identifier: Apache-2.0
// A verdict on the first bytes is final, whatever follows; a path is a part of what was read.
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/metrics/http_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace buzon::broker;
    if (size == 0) return 0;
    const std::size_t cut = data[0];
    const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto whole = parse_http_request(bytes);
    const auto part = parse_http_request(std::string_view(bytes).substr(0, cut));
    if (part) {
        assert(whole && *whole == *part);
    } else if (part.error() != HttpError::Incomplete) {
        assert(!whole && whole.error() == part.error());
    }
    if (!whole) {
        assert(whole.error() != HttpError::Incomplete || bytes.size() < kMaxRequestBytes);
        return 0;
    }
    assert(whole->path.empty() || whole->path.front() == '/');
    assert(bytes.find(whole->path) < kMaxRequestBytes);
    const std::string longer = bytes + '\0';
    const auto more = parse_http_request(longer);
    assert(more && *more == *whole);
    return 0;
}
