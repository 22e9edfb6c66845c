// SPDX-License-Identifier: Apache-2.0
// What org.buzon.Quota1 of the bus tells, as plain values, and as text for people or JSON for
// programs. Amounts are bytes of "bytes", pieces of everything else.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "clients/ctl/bus_connection.h"
#include "clients/ctl/value_json.h"

namespace buzon::clients {

struct QuotaAmount {
    std::string resource{};
    std::uint64_t held = 0;
    std::uint64_t cap = UINT64_MAX;  // none
};

struct QuotaAccount {
    std::uint64_t id = 0;
    std::uint64_t parent = 0;  // of the bus: itself
    std::string level{};       // bus, user, principal, connection
    std::string state{};       // open, closed, estate
    std::string name{};        // uid 1000, process 4711, :1.5
    std::string process{};
    std::uint32_t pid = 0;  // unknown
    std::vector<QuotaAmount> amounts{};

    [[nodiscard]] std::uint64_t held(std::string_view resource) const;
};

/// Shared by all accounts.
struct QuotaPool {
    std::string resource{};
    std::uint64_t capacity = 0;
    std::uint64_t pocket = 0;
    std::uint64_t pockets = 0;
};

struct QuotaQueue {
    struct Sender {
        std::uint64_t account = 0;
        std::uint64_t principal = 0;
        std::string name{};  // empty: gone
        std::uint64_t bytes = 0;
        std::uint64_t descriptors = 0;
    };
    std::uint64_t account = 0;
    std::string receiver{};
    std::uint64_t bytes = 0;
    std::uint64_t bound = 0;
    std::uint64_t descriptors = 0;
    std::uint64_t descriptor_bound = 0;
    std::uint64_t messages = 0;
    std::chrono::milliseconds not_drained{0};
    std::vector<Sender> senders{};  // beyond the part that is free to all
};

struct QuotaThrottled {
    std::uint64_t account = 0;
    std::string sender{};
    std::chrono::milliseconds since{0};
    std::vector<std::string> receivers{};  // whose queues have no room for it
    bool waits_for_bus = false;
    std::uint64_t beyond_share = 0;
};

struct QuotaReport {
    std::vector<QuotaPool> pools{};
    std::vector<QuotaAccount> accounts{};  // parents before their children
    std::vector<QuotaQueue> queues{};      // the fullest first
    std::size_t queues_in_all = 0;
    std::vector<QuotaThrottled> throttled{};  // the longest first
    std::size_t throttled_in_all = 0;
    std::map<std::string, std::uint64_t> counters{};
};

/// Errors: UsageError of a bus that has no quotas, sdbus::Error.
[[nodiscard]] QuotaReport ask_for_quotas(BusConnection& bus);

/// The bus looks up what processes are called once somebody has asked for accounts: asks again, for
/// a twentieth of a second at most. Some have no name after that.
void wait_for_process_names(BusConnection& bus, QuotaReport& report);

struct QuotaLayout {
    bool has_header = true;
    std::size_t max_width = 0;    // 0: no limit
    std::size_t most_queues = 0;  // 0: all that were told
};

[[nodiscard]] std::string to_text(const QuotaReport& report, const QuotaLayout& layout);
[[nodiscard]] Json to_json(const QuotaReport& report);

/// `512`, `1.5K`, `20M`: in powers of 1024.
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
/// `350ms`, `12s`, `3min 5s`.
[[nodiscard]] std::string span_text(std::chrono::milliseconds span);

}  // namespace buzon::clients
