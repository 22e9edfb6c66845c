// SPDX-License-Identifier: Apache-2.0
// The head of an HTTP request, as far as a server needs it that has one page and no state: method
// and path. Bodies are not looked at. Bytes in, values out; no I/O.
// Errors: HttpError as value, with the status of its answer; Incomplete: nothing is wrong so far.
// Source: RFC 9112 (HTTP/1.1), sections 2, 3 and 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "bus/base/result.h"

namespace buzon::broker {

/// What a request may have up to the empty line behind its fields.
inline constexpr std::size_t kMaxRequestBytes = 4096;

enum class HttpMethod : std::uint8_t { Get, Head, Other };

enum class HttpError : std::uint8_t {
    Incomplete,
    TooLong,      // 431
    Malformed,    // 400
    WrongVersion  // 505: not HTTP/1.x
};

struct HttpRequest {
    HttpMethod method = HttpMethod::Other;
    /// Without query, as written: nothing is unescaped. A view of the bytes.
    std::string_view path;
    friend bool operator==(const HttpRequest&, const HttpRequest&) = default;
};

/// `bytes`: all that has come so far.
bus::Result<HttpRequest, HttpError> parse_http_request(std::string_view bytes);

}  // namespace buzon::broker
