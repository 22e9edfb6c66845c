// SPDX-License-Identifier: Apache-2.0
// A server's bytes, whole and in pieces, bring the client to the same end and the same amount of
// bounded output. (Not the same output: challenges are random.)
#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>

#include "bus/auth_client.h"

namespace {

using namespace buzon::bus;

class AnyCookie : public CookieLookup {
public:
    std::optional<std::string> find_cookie(std::string_view, std::uint32_t id) override {
        if (id > 9) return std::nullopt;
        return "c";
    }
};

struct Run {
    AuthClientState state;
    std::size_t consumed = 0;
    std::size_t output = 0;
};

Run run(std::span<const std::byte> bytes, std::size_t piece) {
    AnyCookie cookies;
    AuthClientOptions options;
    options.mechanisms = AuthMechanisms::all();
    options.negotiate_fds = true;
    options.cookies = &cookies;
    AuthClient client(options);

    Run result{client.start().state};
    std::size_t available = 0;
    while (std::holds_alternative<AuthInProgress>(result.state) && available < bytes.size()) {
        available = std::min(available + piece, bytes.size());
        const auto pending = bytes.subspan(result.consumed, available - result.consumed);
        const auto progress = client.feed(pending);
        assert(progress.consumed <= pending.size());
        result.state = progress.state;
        result.consumed += progress.consumed;
        result.output += progress.output.size();
    }
    assert(result.output <= 17 * 1024);
    return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    const Run whole = run(bytes, std::max<std::size_t>(size, 1));
    const Run pieces = run(bytes, 3);
    assert(whole.state == pieces.state);
    assert(whole.output == pieces.output);
    if (!std::holds_alternative<AuthClientError>(whole.state)) {
        assert(whole.consumed == pieces.consumed);
    }
    return 0;
}
