// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/http_response.h"

#include <fmt/format.h>

namespace buzon::broker {

namespace {

std::string_view name_of(HttpStatus status) {
    switch (status) {
        case HttpStatus::Ok: return "OK";
        case HttpStatus::BadRequest: return "Bad Request";
        case HttpStatus::NotFound: return "Not Found";
        case HttpStatus::MethodNotAllowed: return "Method Not Allowed";
        case HttpStatus::RequestHeaderFieldsTooLarge: return "Request Header Fields Too Large";
        case HttpStatus::HttpVersionNotSupported: return "HTTP Version Not Supported";
    }
    return "";
}

}  // namespace

HttpStatus status_of(HttpError error) {
    switch (error) {
        case HttpError::TooLong: return HttpStatus::RequestHeaderFieldsTooLarge;
        case HttpError::WrongVersion: return HttpStatus::HttpVersionNotSupported;
        case HttpError::Incomplete:
        case HttpError::Malformed: break;
    }
    return HttpStatus::BadRequest;
}

std::string format_response(HttpMethod method,
                            HttpStatus status,
                            std::string_view content_type,
                            std::string_view body) {
    return fmt::format(
        "HTTP/1.1 {} {}\r\n"
        "{}"
        "Content-Type: {}\r\n"
        "Content-Length: {}\r\n"
        "Connection: close\r\n"
        "\r\n"
        "{}",
        static_cast<unsigned>(status), name_of(status),
        status == HttpStatus::MethodNotAllowed ? "Allow: GET, HEAD\r\n" : "", content_type,
        body.size(), method == HttpMethod::Head ? "" : body);
}

std::string format_refusal(HttpMethod method, HttpStatus status) {
    return format_response(
        method, status, "text/plain; charset=utf-8",
        fmt::format("{} {}: GET /metrics\n", static_cast<unsigned>(status), name_of(status)));
}

}  // namespace buzon::broker
