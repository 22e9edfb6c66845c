// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/http_request.h"

#include <algorithm>
#include <optional>

namespace buzon::broker {

namespace {

constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";

bool is_letter_or_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return is_letter_or_digit(c) || kTokenMarks.find(c) != std::string_view::npos;
    });
}

/// Of a target: visible ASCII.
bool is_visible(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

/// Of a field: text in any encoding, blanks, but nothing that ends lines for somebody.
bool is_field_value(std::string_view text) {
    return std::ranges::all_of(text, [](char c) {
        return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
    });
}

bool equal_ignoring_case(std::string_view left, std::string_view right) {
    const auto lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    return std::ranges::equal(left, right, {}, lower, lower);
}

/// The next line, without its end, which is taken off `rest` too; nothing where it has not ended.
/// A lone LF ends one as well (RFC 9112, 2.2); a lone CR does not, and nobody accepts it in one.
std::optional<std::string_view> take_line(std::string_view& rest) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

std::optional<std::string_view> take_word(std::string_view& rest) {
    const auto end = rest.find(' ');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view word = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return word;
}

HttpMethod method_named(std::string_view name) {
    if (name == "GET") return HttpMethod::Get;
    return name == "HEAD" ? HttpMethod::Head : HttpMethod::Other;
}

/// Of `/path?query` or `http://host/path?query`; empty for the other forms, which no page has.
std::string_view path_of(std::string_view target) {
    constexpr std::string_view kScheme = "http://";
    if (equal_ignoring_case(target.substr(0, kScheme.size()), kScheme)) {
        target.remove_prefix(kScheme.size());
        const auto path = target.find_first_of("/?");
        if (path == std::string_view::npos || target[path] == '?') return "/";
        target.remove_prefix(path);
    }
    if (!target.starts_with('/')) return {};
    return target.substr(0, target.find('?'));
}

/// The minor digit of `HTTP/1.1`.
bus::Result<char, HttpError> parse_version(std::string_view version) {
    constexpr std::string_view kName = "HTTP/";
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (version.size() != 8 || !version.starts_with(kName) || version[6] != '.' ||
        !is_digit(version[5]) || !is_digit(version[7])) {
        return bus::Unexpected{HttpError::Malformed};
    }
    if (version[5] != '1') return bus::Unexpected{HttpError::WrongVersion};
    return version[7];
}

struct RequestLine {
    HttpRequest request;
    bool needs_host = false;
};

bus::Result<RequestLine, HttpError> parse_request_line(std::string_view line) {
    const auto method = take_word(line);
    const auto target = take_word(line);
    if (!method || !target || !is_token(*method) || !is_visible(*target))
        return bus::Unexpected{HttpError::Malformed};
    const auto minor = parse_version(line);
    if (!minor) return bus::Unexpected{minor.error()};
    return RequestLine{{method_named(*method), path_of(*target)}, *minor != '0'};
}

/// The name of a field; nothing if the line is none. One that goes on with what began in the line
/// before starts with a blank, which no name does.
std::optional<std::string_view> field_name(std::string_view line) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return std::nullopt;
    if (!is_field_value(line.substr(colon + 1))) return std::nullopt;
    return line.substr(0, colon);
}

}  // namespace

bus::Result<HttpRequest, HttpError> parse_http_request(std::string_view bytes) {
    const auto missing = [&bytes] {
        return bus::Unexpected{bytes.size() < kMaxRequestBytes ? HttpError::Incomplete
                                                               : HttpError::TooLong};
    };
    std::string_view rest = bytes.substr(0, kMaxRequestBytes);
    auto line = take_line(rest);
    // An empty line before the request is overlooked (RFC 9112, 2.2).
    if (line && line->empty()) line = take_line(rest);
    if (!line) return missing();
    const auto first = parse_request_line(*line);
    if (!first) return bus::Unexpected{first.error()};

    unsigned hosts = 0;
    for (line = take_line(rest); line && !line->empty(); line = take_line(rest)) {
        const auto name = field_name(*line);
        if (!name) return bus::Unexpected{HttpError::Malformed};
        if (equal_ignoring_case(*name, "host")) ++hosts;
    }
    if (!line) return missing();
    if (hosts > 1 || (hosts == 0 && first->needs_host))
        return bus::Unexpected{HttpError::Malformed};
    return first->request;
}

}  // namespace buzon::broker
