// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/account_metrics.h"

#include <fmt/format.h>

#include <span>
#include <string>
#include <string_view>

#include "bus/base/log.h"

namespace buzon::broker {

namespace {

using Type = OpenMetricsWriter::Type;

struct ResourceText {
    std::string_view name, what, unit;
};

// In the order of Resource.
constexpr ResourceText kResources[] = {
    {"bytes", "Memory charged for messages", "bytes"},
    {"descriptors", "Descriptors charged", ""},
    {"match_rules", "Match rules charged", ""},
    {"names", "Places in the queues of names charged", ""},
    {"pending_replies", "Awaited replies charged", ""},
    {"activations", "Services being started", ""},
    {"waiting_calls", "Calls that wait in mailboxes", ""},
    {"connections", "Connections charged", ""},
};
static_assert(std::size(kResources) == kResourceCount);

std::string user_text(UserId user) {
    return user == kAnonymousUser ? "anonymous"
                                  : fmt::format("{}", static_cast<std::uint32_t>(user));
}

void add_program(OpenMetricsWriter& out, const AccountFigures& figures, std::uint64_t held) {
    const ProcessName* const process = figures.process.get();
    const std::string user = user_text(figures.user);
    const std::string program = describe(*figures.program);
    const std::string pid = process ? fmt::format("{}", process->pid) : "";
    const std::string comm = process ? bus::printable(process->text) : "";
    out.add(held, {{"uid", user}, {"program", program}, {"pid", pid}, {"comm", comm}});
}

/// `whose`: of names, as in buzon_WHOSE_held_bytes.
void write_family(OpenMetricsWriter& out,
                  std::size_t resource,
                  std::string_view whose,
                  std::span<const AccountFigures> accounts) {
    if (accounts.empty()) return;
    const auto& [name, what, unit] = kResources[resource];
    const std::string family = fmt::format("buzon_{}_held_{}", whose, name);
    const std::string help = fmt::format("{}, of each {} that holds most.", what, whose);
    out.begin({family, Type::Gauge, help, unit});
    for (const AccountFigures& figures : accounts) {
        if (figures.program) {
            add_program(out, figures, figures.held[resource]);
        } else {
            out.add(figures.held[resource], {{"uid", user_text(figures.user)}});
        }
    }
}

}  // namespace

void write_bus_account(OpenMetricsWriter& out, const Account& bus) {
    for (std::size_t i = 0; i < kResourceCount; ++i) {
        const auto& [name, what, unit] = kResources[i];
        const Share& share = bus.share(static_cast<Resource>(i));
        const std::string held = fmt::format("buzon_held_{}", name);
        const std::string held_help = fmt::format("{}, of the whole bus.", what);
        out.write({held, Type::Gauge, held_help, unit}, share.held());
        const std::string limit = fmt::format("buzon_limit_{}", name);
        const std::string limit_help = fmt::format("{}, at most.", what);
        out.write({limit, Type::Gauge, limit_help, unit}, share.pool().limits().capacity);
    }
}

void write_largest_accounts(OpenMetricsWriter& out, const LargestAccounts& largest) {
    for (std::size_t i = 0; i < kResourceCount; ++i)
        write_family(out, i, "user", largest.users());
    for (std::size_t i = 0; i < kResourceCount; ++i)
        write_family(out, i, "program", largest.programs());
}

}  // namespace buzon::broker
