// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/quota_report.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "clients/ctl/table.h"
#include "clients/ctl/value_text.h"

namespace buzon::clients {
namespace {

constexpr std::string_view kBytes = "bytes";
constexpr std::string_view kProcessByInode = "process with pidfd inode";

struct ResourceColumn {
    std::string_view resource;
    std::string_view header;
};
constexpr std::array kShown = {
    ResourceColumn{"bytes", "BYTES"},
    ResourceColumn{"descriptors", "FDS"},
    ResourceColumn{"match rules", "RULES"},
    ResourceColumn{"names", "NAMES"},
    ResourceColumn{"pending replies", "REPLIES"},
    ResourceColumn{"connections", "CONNECTIONS"},
};

using Marks = std::unordered_map<std::uint64_t, std::string>;

/// `throttled for 12s: :1.7, the bus`
std::string mark_of(const QuotaThrottled& throttled) {
    std::vector<std::string> awaited = throttled.receivers;
    if (throttled.waits_for_bus) awaited.emplace_back("the bus");
    return fmt::format("throttled for {}: {}", span_text(throttled.since),
                       fmt::join(awaited, ", "));
}

std::string label_of(const QuotaAccount& account) {
    if (account.state == "estate") return "left by closed connections";
    // By its number nobody knows it; the next columns say which it is.
    if (account.name.starts_with(kProcessByInode)) return "process";
    if (!account.name.empty()) return escape_controls(account.name);
    if (account.level != "connection") return account.level;
    return account.state == "closed" ? "(closed)" : "(no name yet)";
}

/// The tree as rows: each account above its children, and of these the largest first.
class TreeRows {
public:
    TreeRows(const QuotaReport& report, Table& table) : table_(table) {
        for (const auto& throttled : report.throttled)
            marks_[throttled.account] = mark_of(throttled);
        for (const auto& account : report.accounts)
            if (account.id != account.parent) children_[account.parent].push_back(&account);
        for (auto& [parent, children] : children_)
            std::ranges::stable_sort(children, std::greater{}, [](const QuotaAccount* account) {
                return account->held(kBytes);
            });
        for (const auto& account : report.accounts)
            if (account.id == account.parent) add(account, 0);
    }

private:
    void add(const QuotaAccount& account, std::size_t depth) {
        Row row{std::string(2 * depth, ' ') + label_of(account)};
        const QuotaAccount& process = process_of(account);
        row.push_back(process.pid == 0 ? Json() : Json(process.pid));
        row.push_back(process.process.empty() ? Json() : Json(escape_controls(process.process)));
        for (const auto& [resource, header] : kShown) {
            const auto held = account.held(resource);
            row.push_back(resource == kBytes ? Json(bytes_text(held)) : Json(held));
        }
        const auto mark = marks_.find(account.id);
        row.push_back(mark == marks_.end() ? "" : escape_controls(mark->second));
        table_.add(std::move(row));
        for (const QuotaAccount* child : children_[account.id])
            add(*child, depth + 1);
    }

    /// All connections of a process have the same; a cgroup has several.
    const QuotaAccount& process_of(const QuotaAccount& account) {
        if (!account.name.starts_with("process ")) return account;
        for (const QuotaAccount* child : children_[account.id])
            if (child->pid != 0) return *child;
        return account;
    }

    Table& table_;
    Marks marks_;
    std::unordered_map<std::uint64_t, std::vector<const QuotaAccount*>> children_;
};

std::string tree_text(const QuotaReport& report, const QuotaLayout& layout) {
    std::vector<Column> columns{{"ACCOUNT"}, {"PID", Align::Right}, {"PROCESS"}};
    for (const auto& [resource, header] : kShown)
        columns.push_back({header, Align::Right});
    columns.push_back({"STATE"});
    Table table(std::move(columns));
    const TreeRows rows(report, table);
    return table.to_text({.has_header = layout.has_header, .max_width = layout.max_width});
}

std::string sender_text(const QuotaQueue::Sender& sender) {
    return fmt::format("{} {}", sender.name.empty() ? "(gone)" : escape_controls(sender.name),
                       bytes_text(sender.bytes));
}

std::string queues_text(const QuotaReport& report, const QuotaLayout& layout) {
    constexpr std::size_t kSendersShown = 3;
    if (report.queues.empty()) return {};
    const std::size_t shown = layout.most_queues == 0
                                  ? report.queues.size()
                                  : std::min(report.queues.size(), layout.most_queues);
    Table table({{"QUEUE OF"},
                 {"BYTES", Align::Right},
                 {"BOUND", Align::Right},
                 {"FDS", Align::Right},
                 {"MESSAGES", Align::Right},
                 {"NOT READ FOR", Align::Right},
                 {"LARGEST SENDERS"}});
    for (std::size_t i = 0; i < shown; ++i) {
        const QuotaQueue& queue = report.queues[i];
        std::vector<std::string> senders;
        for (std::size_t j = 0; j < std::min(queue.senders.size(), kSendersShown); ++j)
            senders.push_back(sender_text(queue.senders[j]));
        table.add({queue.receiver.empty() ? "(no name yet)" : escape_controls(queue.receiver),
                   bytes_text(queue.bytes), bytes_text(queue.bound), queue.descriptors,
                   queue.messages, span_text(queue.not_drained),
                   fmt::format("{}", fmt::join(senders, ", "))});
    }
    std::string out =
        "\n" + table.to_text({.has_header = layout.has_header, .max_width = layout.max_width});
    if (report.queues_in_all > shown)
        out += fmt::format("{} more have something in them.\n", report.queues_in_all - shown);
    return out;
}

std::string counters_text(const QuotaReport& report) {
    std::string out;
    for (const auto& [name, count] : report.counters)
        out += fmt::format("{}{}={}", out.empty() ? "\n" : " ", escape_controls(name), count);
    return out.empty() ? out : out + "\n";
}

Json to_json(const QuotaAccount& account) {
    Json held = Json::object();
    Json caps = Json::object();
    for (const auto& amount : account.amounts) {
        held[amount.resource] = amount.held;
        if (amount.cap != UINT64_MAX) caps[amount.resource] = amount.cap;
    }
    return {{"id", account.id},
            {"parent", account.parent},
            {"level", account.level},
            {"state", account.state},
            {"name", account.name},
            {"process", account.process.empty() ? Json() : Json(account.process)},
            {"pid", account.pid == 0 ? Json() : Json(account.pid)},
            {"held", std::move(held)},
            {"caps", std::move(caps)}};
}

Json to_json(const QuotaQueue& queue) {
    Json senders = Json::array();
    for (const auto& sender : queue.senders)
        senders.push_back(Json{{"account", sender.account},
                               {"principal", sender.principal},
                               {"name", sender.name},
                               {"bytes", sender.bytes},
                               {"descriptors", sender.descriptors}});
    return {{"account", queue.account},
            {"receiver", queue.receiver},
            {"bytes", queue.bytes},
            {"bound", queue.bound},
            {"descriptors", queue.descriptors},
            {"descriptor_bound", queue.descriptor_bound},
            {"messages", queue.messages},
            {"not_drained_ms", queue.not_drained.count()},
            {"senders", std::move(senders)}};
}

Json to_json(const QuotaThrottled& throttled) {
    return {{"account", throttled.account},
            {"sender", throttled.sender},
            {"since_ms", throttled.since.count()},
            {"receivers", throttled.receivers},
            {"waits_for_bus", throttled.waits_for_bus},
            {"beyond_share", throttled.beyond_share}};
}

template <typename Rows>
Json to_array(const Rows& rows) {
    Json array = Json::array();
    for (const auto& row : rows)
        array.push_back(to_json(row));
    return array;
}

}  // namespace

std::uint64_t QuotaAccount::held(std::string_view resource) const {
    const auto found = std::ranges::find(amounts, resource, &QuotaAmount::resource);
    return found == amounts.end() ? 0 : found->held;
}

std::string bytes_text(std::uint64_t bytes) {
    constexpr std::string_view kUnits = "KMGTPE";
    if (bytes < 1024) return fmt::format("{}", bytes);
    auto amount = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (amount /= 1024; amount >= 1023.5 && unit + 1 < kUnits.size(); ++unit)
        amount /= 1024;
    return amount < 9.95 ? fmt::format("{:.1f}{}", amount, kUnits[unit])
                         : fmt::format("{:.0f}{}", amount, kUnits[unit]);
}

std::string span_text(std::chrono::milliseconds span) {
    constexpr std::chrono::milliseconds::rep kSecond = 1000;
    constexpr std::chrono::milliseconds::rep kMinute = 60 * kSecond;
    const auto count = span.count();
    if (count < kSecond) return fmt::format("{}ms", count);
    if (count < kMinute) return fmt::format("{}s", count / kSecond);
    return fmt::format("{}min {}s", count / kMinute, count % kMinute / kSecond);
}

std::string to_text(const QuotaReport& report, const QuotaLayout& layout) {
    return tree_text(report, layout) + queues_text(report, layout) + counters_text(report);
}

Json to_json(const QuotaReport& report) {
    Json pools = Json::object();
    for (const auto& pool : report.pools)
        pools[pool.resource] = {
            {"capacity", pool.capacity}, {"pocket", pool.pocket}, {"pockets", pool.pockets}};
    return {{"pools", std::move(pools)},
            {"accounts", to_array(report.accounts)},
            {"queues", to_array(report.queues)},
            {"queues_in_all", report.queues_in_all},
            {"throttled", to_array(report.throttled)},
            {"throttled_in_all", report.throttled_in_all},
            {"counters", report.counters}};
}

}  // namespace buzon::clients
