// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bus/protocol.h"
#include "clients/ctl/arguments.h"
#include "clients/ctl/command.h"
#include "clients/ctl/complaint.h"
#include "clients/ctl/message_listing.h"

namespace buzon::clients {
namespace {

/// A message passes if one of the rules matches it; without rules all do.
Value rules_from(const Options& options) {
    Array rules{"s", {}};
    for (const std::string& service : options.arguments) {
        checked_service(service);
        rules.elements.push_back({fmt::format("sender='{}'", service)});
        rules.elements.push_back({fmt::format("destination='{}'", service)});
    }
    for (const std::string& match : options.matches)
        rules.elements.push_back({match});
    return {std::move(rules)};
}

void become_monitor(BusConnection& bus, Value rules) {
    const std::string driver(bus::kDriverName);
    const MethodCall call{driver,
                          std::string(bus::kDriverPath),
                          driver + ".Monitoring",
                          "BecomeMonitor",
                          {std::move(rules), {std::uint32_t{0}}}};
    with_context("Failed to become a monitor", [&] { (void)bus.call(call); });
}

/// What the bus told us about our own name while we turned from a peer into a monitor.
bool is_about(const SeenMessage& message, const std::string& our_name) {
    if (message.sender != bus::kDriverName) return false;
    if (message.destination == our_name) return true;
    return message.member == "NameOwnerChanged" && !message.body.empty() &&
           message.body.front() == Value{our_name};
}

std::uint64_t microseconds_now() {
    using namespace std::chrono;
    const auto now = system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(duration_cast<microseconds>(now).count());
}

void print(const SeenMessage& message, const Options& options) {
    if (options.json != JsonMode::Off)
        fmt::print("{}\n", to_text(to_json(message), options.json));
    else
        fmt::print("{}", to_text(message));
    std::fflush(stdout);
}

}  // namespace

int run_monitor(const Options& options) {
    Value rules = rules_from(options);
    // Colours in what sd-bus prints would be in the way of reading it.
    setenv("SYSTEMD_COLORS", "0", 1);  // NOLINT(concurrency-mt-unsafe): one thread
    BusConnection bus(options.bus, ConnectAs::Monitor);
    const std::string our_name = bus.unique_name();
    become_monitor(bus, std::move(rules));
    if (!options.quiet) fmt::print(stderr, "Monitoring bus message stream.\n");
    while (std::ferror(stdout) == 0) {
        const MessagePtr message = bus.next_message();
        if (!message) {
            complain("The bus has closed.");
            return 0;
        }
        const SeenMessage seen = see_message(*message, microseconds_now());
        if (!is_about(seen, our_name)) print(seen, options);
    }
    return 1;
}

}  // namespace buzon::clients
