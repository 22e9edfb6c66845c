// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "clients/ctl/command.h"
#include "clients/ctl/quota_report.h"
#include "clients/ctl/terminal.h"
#include "clients/ctl/value_parser.h"

namespace buzon::clients {
namespace {

constexpr auto kInterval = std::chrono::seconds(1);
constexpr std::size_t kQueuesShown = 10;
/// Home, and what is below is erased: less flicker than erasing first.
constexpr std::string_view kRedraw = "\x1b[H\x1b[J";

std::string render(const QuotaReport& report, const Options& options) {
    if (options.json != JsonMode::Off) return to_text(to_json(report), options.json) + "\n";
    return to_text(report, {.has_header = options.legend,
                            .max_width = options.full ? 0 : terminal_width(),
                            .most_queues = options.full ? 0 : kQueuesShown});
}

/// Until interrupted, or `count` times (0: for ever). What is asked for while watching is shown as
/// a whole: redrawn on a terminal, one behind the other elsewhere.
void watch(BusConnection& bus, const Options& options) {
    const bool redraws = options.json == JsonMode::Off && ::isatty(STDOUT_FILENO) != 0;
    for (std::uint32_t shown = 0;;) {
        const std::string text = render(ask_for_quotas(bus), options);
        fmt::print("{}{}", redraws ? kRedraw : "", text);
        // What reads this has gone, or the disk is full: main() says so.
        if (std::fflush(stdout) != 0) return;
        if (++shown == options.count) return;
        if (!redraws && options.json == JsonMode::Off) fmt::print("\n");
        std::this_thread::sleep_for(kInterval);
    }
}

/// Who watches sees the names of processes a second later.
void show(BusConnection& bus, const Options& options) {
    QuotaReport report = ask_for_quotas(bus);
    wait_for_process_names(bus, report);
    fmt::print("{}", render(report, options));
}

}  // namespace

int run_quota(const Options& options) {
    BusConnection bus(options.bus);
    if (options.watch || options.count > 0)
        watch(bus, options);
    else
        show(bus, options);
    return 0;
}

}  // namespace buzon::clients
