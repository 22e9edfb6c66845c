// SPDX-License-Identifier: Apache-2.0
// An answer in HTTP/1.1, whole, by a server that closes the connection behind it. No I/O.
// Source: RFC 9110 (status codes, fields), RFC 9112 (form).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/metrics/http_request.h"

namespace buzon::broker {

enum class HttpStatus : std::uint16_t {
    Ok = 200,
    BadRequest = 400,
    NotFound = 404,
    MethodNotAllowed = 405,
    RequestHeaderFieldsTooLarge = 431,
    HttpVersionNotSupported = 505,
};

/// Incomplete is no error yet and gives BadRequest.
[[nodiscard]] HttpStatus status_of(HttpError error);

/// To HEAD, the head that GET would get.
[[nodiscard]] std::string format_response(HttpMethod method,
                                          HttpStatus status,
                                          std::string_view content_type,
                                          std::string_view body);

/// With the status and its name as a line of text.
[[nodiscard]] std::string format_refusal(HttpMethod method, HttpStatus status);

}  // namespace buzon::broker
