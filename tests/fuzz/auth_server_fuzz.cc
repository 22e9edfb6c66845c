// SPDX-License-Identifier: Apache-2.0
// A client's bytes, whole and in pieces, bring the server to the same end and the same amount of
// bounded output. (Not the same output: challenges are random.)
#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>

#include "bus/auth_server.h"

namespace {

using namespace buzon::bus;

struct Run {
    AuthServerState state;
    std::size_t consumed = 0;
    std::size_t output = 0;
};

Run run(std::span<const std::byte> bytes, std::size_t piece) {
    AuthServerOptions options{Guid(std::array<std::byte, Guid::kBytes>{})};
    options.peer_uid = 1000;
    options.bus_owner_uid = 1000;
    options.can_pass_fds = true;
    options.allow_anonymous = true;
    AuthServer server(options);

    Run result;
    std::size_t available = 0;
    bool is_resumed = false;
    while (std::holds_alternative<AuthInProgress>(result.state) &&
           (is_resumed || available < bytes.size())) {
        available = std::min(available + piece, bytes.size());
        const auto pending = bytes.subspan(result.consumed, available - result.consumed);
        auto progress = server.feed(pending);
        assert(progress.consumed <= pending.size());
        result.consumed += progress.consumed;
        result.output += progress.output.size();
        is_resumed = server.awaits_cookie();
        if (is_resumed) progress = server.supply_cookie(AuthCookie{"context", 7, "c"});
        if (is_resumed) result.output += progress.output.size();
        result.state = progress.state;
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
    if (!std::holds_alternative<AuthServerError>(whole.state)) {
        assert(whole.consumed == pieces.consumed);
    }
    return 0;
}
