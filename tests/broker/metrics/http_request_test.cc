// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/http_request.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace buzon::broker {
namespace {

constexpr struct {
    std::string_view about, bytes;
    HttpMethod method;
    std::string_view path;
} kGood[] = {
    {"as curl writes it", "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
     HttpMethod::Get, "/metrics"},
    {"HEAD", "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", HttpMethod::Head, "/metrics"},
    {"another method", "DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", HttpMethod::Other, "/"},
    {"methods differ by case", "get / HTTP/1.1\r\nHost: x\r\n\r\n", HttpMethod::Other, "/"},
    {"the query is left out", "GET /metrics?a=/b?c HTTP/1.1\r\nHost: x\r\n\r\n", HttpMethod::Get,
     "/metrics"},
    {"a whole address", "GET http://localhost/metrics?x HTTP/1.1\r\nHost: localhost\r\n\r\n",
     HttpMethod::Get, "/metrics"},
    {"a whole address without path", "GET HTTP://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n",
     HttpMethod::Get, "/"},
    {"a whole address with nothing but a query", "GET http://l?a/b HTTP/1.1\r\nHost: l\r\n\r\n",
     HttpMethod::Get, "/"},
    {"a target that is no path", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", HttpMethod::Other, ""},
    {"lines may end without CR", "GET / HTTP/1.1\nHost: x\n\n", HttpMethod::Get, "/"},
    {"an empty line before it", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", HttpMethod::Get, "/"},
    {"1.0 needs no host", "GET / HTTP/1.0\r\n\r\n", HttpMethod::Get, "/"},
    {"minor versions to come", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", HttpMethod::Get, "/"},
    {"names of fields do not differ by case", "GET / HTTP/1.1\r\nhOST:x\r\n\r\n", HttpMethod::Get,
     "/"},
    {"a value in another encoding", "GET / HTTP/1.1\r\nHost: x\r\nX: \xe4\t \r\n\r\n",
     HttpMethod::Get, "/"},
    {"an empty value", "GET / HTTP/1.1\r\nHost:\r\n\r\n", HttpMethod::Get, "/"},
    {"what follows is not looked at", "GET / HTTP/1.0\r\n\r\n\x01\x02", HttpMethod::Get, "/"},
};
TEST(ParseHttpRequest, TakesMethodAndPath) {
    for (const auto& [about, bytes, method, path] : kGood) {
        const auto request = parse_http_request(bytes);
        ASSERT_TRUE(request) << about;
        EXPECT_EQ(request->method, method) << about;
        EXPECT_EQ(request->path, path) << about;
    }
}

constexpr struct {
    std::string_view about, bytes;
    HttpError error;
} kBad[] = {
    {"nothing yet", "", HttpError::Incomplete},
    {"half a line", "GET /met", HttpError::Incomplete},
    {"no empty line yet", "GET / HTTP/1.1\r\nHost: x\r\n", HttpError::Incomplete},
    {"a lone CR ends no line", "GET / HTTP/1.1\r\nHost: x\r\n\r", HttpError::Incomplete},
    {"two empty lines before it", "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
     HttpError::Malformed},
    {"no version (HTTP/0.9)", "GET /\r\n", HttpError::Malformed},
    {"no target", "GET HTTP/1.1\r\n", HttpError::Malformed},
    {"two blanks", "GET  / HTTP/1.1\r\n", HttpError::Malformed},
    {"a word too many", "GET / HTTP/1.1 \r\n", HttpError::Malformed},
    {"a method that is no word", "G(T / HTTP/1.1\r\n", HttpError::Malformed},
    {"a blank before it", " GET / HTTP/1.1\r\n", HttpError::Malformed},
    {"a target that is not ASCII", "GET /\xe4 HTTP/1.1\r\n", HttpError::Malformed},
    {"a CR in the line", "GET /\r HTTP/1.1\r\n", HttpError::Malformed},
    {"another protocol", "GET / SPDY/1.1\r\n", HttpError::Malformed},
    {"a version of other length", "GET / HTTP/1.10\r\n", HttpError::Malformed},
    {"HTTP/2", "PRI * HTTP/2.0\r\n", HttpError::WrongVersion},
    {"a D-Bus client", std::string_view("\0AUTH EXTERNAL 30\r\n", 19), HttpError::Malformed},
    {"a field without colon", "GET / HTTP/1.0\r\nHost\r\n", HttpError::Malformed},
    {"a blank before the colon", "GET / HTTP/1.0\r\nHost : x\r\n", HttpError::Malformed},
    {"a field that goes on", "GET / HTTP/1.0\r\nX: y\r\n z\r\n", HttpError::Malformed},
    {"a field without name", "GET / HTTP/1.0\r\n: x\r\n", HttpError::Malformed},
    {"a CR in a field", "GET / HTTP/1.0\r\nX: y\rz\r\n", HttpError::Malformed},
    {"a control character in a field", "GET / HTTP/1.0\r\nX: \x1b[m\r\n", HttpError::Malformed},
    {"no host", "GET / HTTP/1.1\r\n\r\n", HttpError::Malformed},
    {"two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", HttpError::Malformed},
};
TEST(ParseHttpRequest, NamesTheFirstViolation) {
    for (const auto& [about, bytes, error] : kBad) {
        const auto request = parse_http_request(bytes);
        ASSERT_FALSE(request) << about;
        EXPECT_EQ(request.error(), error) << about;
    }
}

TEST(ParseHttpRequest, TakesAnyPartOfARequestForIncomplete) {
    constexpr std::string_view kRequest = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    for (std::size_t size = 0; size < kRequest.size(); ++size) {
        const auto request = parse_http_request(kRequest.substr(0, size));
        ASSERT_FALSE(request) << size;
        EXPECT_EQ(request.error(), HttpError::Incomplete) << size;
    }
}

TEST(ParseHttpRequest, HasABoundForAllThatComesBeforeTheEmptyLine) {
    const std::string start = "GET / HTTP/1.0\r\nX: ", end = "\r\n\r\n";
    const std::string fill(kMaxRequestBytes - start.size() - end.size(), 'x');
    EXPECT_TRUE(parse_http_request(start + fill + end + "body"));
    const auto longer = parse_http_request(start + fill + "x" + end);
    ASSERT_FALSE(longer);
    EXPECT_EQ(longer.error(), HttpError::TooLong);
    const auto line = parse_http_request(std::string(kMaxRequestBytes, 'x'));
    ASSERT_FALSE(line);
    EXPECT_EQ(line.error(), HttpError::TooLong);
}

}  // namespace
}  // namespace buzon::broker
