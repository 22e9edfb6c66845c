// SPDX-License-Identifier: Apache-2.0
// The bounds that <limit> sets, as typed values with dbus-daemon's built-in defaults.
// Units: bytes, counts, milliseconds. Counts and times fit an int; byte and fd totals a long.
// Source: dbus-daemon(1), "<limit>".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "bus/base/result.h"

namespace buzon::policy {

struct Limits {
    using Milliseconds = std::chrono::milliseconds;

    std::uint64_t max_incoming_bytes = 133'169'152;
    std::uint64_t max_incoming_unix_fds = 64;
    std::uint64_t max_outgoing_bytes = 133'169'152;
    std::uint64_t max_outgoing_unix_fds = 64;
    /// May exceed bus::kMaxMessageBytes; whoever enforces it takes the smaller.
    std::uint64_t max_message_size = 33'554'432;
    std::uint64_t max_message_unix_fds = 16;
    Milliseconds service_start_timeout{25'000};
    Milliseconds auth_timeout{30'000};
    Milliseconds pending_fd_timeout{150'000};
    /// Absent: a reply may take for ever.
    std::optional<Milliseconds> reply_timeout;
    std::uint32_t max_completed_connections = 2'048;
    std::uint32_t max_incomplete_connections = 64;
    std::uint32_t max_connections_per_user = 256;
    std::uint32_t max_pending_service_starts = 512;
    std::uint32_t max_names_per_connection = 512;
    std::uint32_t max_match_rules_per_connection = 512;
    std::uint32_t max_replies_per_connection = 128;
    std::uint32_t max_containers = 512;
    std::uint32_t max_containers_per_user = 16;
    std::uint32_t max_container_metadata_bytes = 4'096;
    std::uint32_t max_connections_per_container = 8;

    // Ours: dbus-daemon refuses files with these.
    /// A receiver that takes nothing for so long, while others wait for room in its full port.
    Milliseconds stuck_timeout{20'000};
    /// Between two parts of a message; for all of it, with a second more for each 16 KiB.
    Milliseconds message_timeout{60'000};
    /// Of all messages that the bus holds; 0: eight of the longest, in 256 MiB to 896 MiB.
    std::uint64_t max_bus_bytes = 0;
    /// New ones of one program, once it has used up what it may have at once; 0: any number.
    std::uint32_t max_connections_per_second = 1'000;
    // What all connections of a user may have together, beside her share of it; 0: any amount.
    /// In messages of hers that are under way.
    std::uint64_t max_bytes_per_user = 0;
    std::uint64_t max_unix_fds_per_user = 0;
    std::uint32_t max_match_rules_per_user = 0;
    std::uint32_t max_names_per_user = 0;
    std::uint32_t max_replies_per_user = 0;

    friend bool operator==(const Limits&, const Limits&) = default;
};

/// The least that max_bytes_per_user can be, but for 0: less would keep everything waiting.
inline constexpr std::uint64_t kLeastBytesPerUser = 131'072;

/// The smallest value of a limit, but perhaps for 0, which says that there is none.
struct LeastLimit {
    std::uint64_t value = 0;
    bool zero_is_none = true;
};
[[nodiscard]] LeastLimit least_of(std::string_view name);

enum class LimitError : std::uint8_t { UnknownName, NotANumber, Negative, TooLarge, TooSmall };

/// Whose files a limit may stand in.
enum class LimitScope : std::uint8_t { Any, OursOnly };

/// For whom a limit may be said.
enum class LimitSubject : std::uint8_t { Everybody, User, Destination };

/// What one <limit> says.
struct LimitSetting {
    /// Of the table of limits, so that it lives for ever.
    std::string_view name;
    std::uint64_t value = 0;
    friend bool operator==(const LimitSetting&, const LimitSetting&) = default;
};

/// What the limit that a file calls `name` would be, with the number that `text` spells.
bus::Result<LimitSetting, LimitError> parse_limit(std::string_view name,
                                                  std::string_view text,
                                                  LimitScope file = LimitScope::Any);
/// The same for a number; of any file.
bus::Result<LimitSetting, LimitError> make_limit(std::string_view name, std::uint64_t value);

/// Whether it may be said for one user or one destination as well.
[[nodiscard]] bool may_be_said_for(LimitSubject subject, std::string_view name);

/// Sets the limit that the file calls `name` to the number that `text` spells. On error nothing
/// changes. `file`: Any, dbus-daemon reads it as well, so that our limits are unknown in it.
bus::Result<void, LimitError> set_limit(Limits& limits,
                                        std::string_view name,
                                        std::string_view text,
                                        LimitScope file = LimitScope::Any);

/// The same for a number.
bus::Result<void, LimitError> set_limit(Limits& limits, std::string_view name, std::uint64_t value);

/// What `file` may call each limit.
[[nodiscard]] std::vector<std::string_view> limit_names(LimitScope file = LimitScope::Any);
/// Those that may be said for such a subject, in files of ours.
[[nodiscard]] std::vector<std::string_view> limit_names(LimitSubject subject);

/// What the files call each limit, and its value; without those that are for ever.
[[nodiscard]] std::vector<std::pair<std::string_view, std::uint64_t>> listed(const Limits& limits);

struct LimitChange {
    std::string_view name;
    /// Nothing: there is none.
    std::optional<std::uint64_t> before;
    std::optional<std::uint64_t> after;
};

/// The limits that differ.
[[nodiscard]] std::vector<LimitChange> changed_limits(const Limits& before, const Limits& after);

}  // namespace buzon::policy
