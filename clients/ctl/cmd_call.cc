// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "clients/ctl/arguments.h"
#include "clients/ctl/command.h"
#include "clients/ctl/message_values.h"
#include "clients/ctl/value_json.h"
#include "clients/ctl/value_parser.h"
#include "clients/ctl/value_text.h"

namespace buzon::clients {
namespace {

MethodCall call_from(const Options& options) {
    const auto& arguments = options.arguments;
    MethodCall call{checked_service(arguments[0]), checked_path(arguments[1]),
                    checked_interface(arguments[2]), checked_member(arguments[3])};
    if (arguments.size() > 4)
        call.arguments = parse_values(arguments[4], std::span(arguments).subspan(5));
    call.allow_interactive_authorization = options.allow_interactive_authorization;
    return call;
}

void print_reply(std::span<const Value> values, const Options& options) {
    if (values.empty() || options.quiet) return;
    if (options.json != JsonMode::Off)
        fmt::print("{}\n", to_text(to_json_body(values), options.json));
    else if (options.verbose)
        fmt::print("{}\n", to_verbose_body(values));
    else
        fmt::print("{}\n", to_terse_with_types(values));
}

}  // namespace

int run_call(const Options& options) {
    const MethodCall call = call_from(options);
    BusConnection bus(options.bus);
    with_context("Call failed", [&] {
        if (!options.expect_reply) return bus.send_without_reply(call);
        const MessagePtr reply = bus.call(call);
        print_reply(read_values(*reply), options);
    });
    return 0;
}

}  // namespace buzon::clients
