// SPDX-License-Identifier: Apache-2.0
#include "policy/limits.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <variant>

#include "policy/number_text.h"

namespace buzon::policy {

namespace {

using Milliseconds = Limits::Milliseconds;
using Field = std::variant<std::uint64_t Limits::*,
                           std::uint32_t Limits::*,
                           Milliseconds Limits::*,
                           std::optional<Milliseconds> Limits::*>;

struct LimitRow {
    std::string_view name;
    Field field;
    LimitScope scope = LimitScope::Any;
    /// Besides everybody.
    LimitSubject subject = LimitSubject::Everybody;
    LeastLimit least = {};
};

constexpr auto kAny = LimitScope::Any;
constexpr auto kOurs = LimitScope::OursOnly;
constexpr auto kUser = LimitSubject::User;
constexpr auto kDestination = LimitSubject::Destination;

// Nobody could be in time.
constexpr LeastLimit kLeastTimeout = {.value = 1, .zero_is_none = false};

constexpr LimitRow kLimits[] = {
    {"max_incoming_bytes", &Limits::max_incoming_bytes},
    {"max_incoming_unix_fds", &Limits::max_incoming_unix_fds},
    {"max_outgoing_bytes", &Limits::max_outgoing_bytes, kAny, kDestination},
    {"max_outgoing_unix_fds", &Limits::max_outgoing_unix_fds, kAny, kDestination},
    {"max_message_size", &Limits::max_message_size},
    {"max_message_unix_fds", &Limits::max_message_unix_fds},
    {"service_start_timeout", &Limits::service_start_timeout},
    {"auth_timeout", &Limits::auth_timeout},
    {"pending_fd_timeout", &Limits::pending_fd_timeout},
    {"reply_timeout", &Limits::reply_timeout},
    {"max_completed_connections", &Limits::max_completed_connections},
    {"max_incomplete_connections", &Limits::max_incomplete_connections},
    {"max_connections_per_user", &Limits::max_connections_per_user, kAny, kUser},
    {"max_pending_service_starts", &Limits::max_pending_service_starts},
    {"max_names_per_connection", &Limits::max_names_per_connection, kAny, kUser},
    {"max_match_rules_per_connection", &Limits::max_match_rules_per_connection, kAny, kUser},
    {"max_replies_per_connection", &Limits::max_replies_per_connection, kAny, kUser},
    {"max_containers", &Limits::max_containers},
    {"max_containers_per_user", &Limits::max_containers_per_user},
    {"max_container_metadata_bytes", &Limits::max_container_metadata_bytes},
    {"max_connections_per_container", &Limits::max_connections_per_container},
    {"stuck_timeout", &Limits::stuck_timeout, kOurs, kDestination, kLeastTimeout},
    {"message_timeout", &Limits::message_timeout, kOurs, LimitSubject::Everybody, kLeastTimeout},
    {"max_bus_bytes", &Limits::max_bus_bytes, kOurs},
    {"max_connections_per_second", &Limits::max_connections_per_second, kOurs, kUser},
    {"max_bytes_per_user", &Limits::max_bytes_per_user, kOurs, kUser, {kLeastBytesPerUser}},
    {"max_unix_fds_per_user", &Limits::max_unix_fds_per_user, kOurs, kUser},
    {"max_match_rules_per_user", &Limits::max_match_rules_per_user, kOurs, kUser},
    {"max_names_per_user", &Limits::max_names_per_user, kOurs, kUser},
    {"max_replies_per_user", &Limits::max_replies_per_user, kOurs, kUser},
};

constexpr std::uint64_t kMaxInt = std::numeric_limits<std::int32_t>::max();
constexpr std::uint64_t kMaxLong = std::numeric_limits<std::int64_t>::max();

std::uint64_t maximum_of(const Field& field) {
    return std::holds_alternative<std::uint64_t Limits::*>(field) ? kMaxLong : kMaxInt;
}

LimitError to_limit_error(NumberError error) {
    switch (error) {
        case NumberError::NotANumber: return LimitError::NotANumber;
        case NumberError::Negative: return LimitError::Negative;
        case NumberError::TooLarge: return LimitError::TooLarge;
    }
    return LimitError::NotANumber;
}

template <typename T>
T converted(std::uint64_t value) {
    if constexpr (std::is_integral_v<T>) {
        return static_cast<T>(value);
    } else {
        return T(Milliseconds(static_cast<Milliseconds::rep>(value)));
    }
}

std::optional<std::uint64_t> as_number(const std::optional<Milliseconds>& value) {
    if (!value) return std::nullopt;
    return static_cast<std::uint64_t>(value->count());
}

template <typename Unsigned>
requires std::is_unsigned_v<Unsigned> std::optional<std::uint64_t> as_number(Unsigned value) {
    return value;
}

std::optional<std::uint64_t> value_of(const Limits& limits, const Field& field) {
    return std::visit([&](auto member) { return as_number(limits.*member); }, field);
}

const LimitRow* find_row(std::string_view name) {
    const auto* row = std::find_if(std::begin(kLimits), std::end(kLimits),
                                   [&](const LimitRow& each) { return each.name == name; });
    return row == std::end(kLimits) ? nullptr : row;
}

void set(Limits& limits, const Field& field, std::uint64_t value) {
    std::visit(
        [&](auto member) {
            using T = std::remove_reference_t<decltype(limits.*member)>;
            limits.*member = converted<T>(value);
        },
        field);
}

}  // namespace

bus::Result<LimitSetting, LimitError> parse_limit(std::string_view name,
                                                  std::string_view text,
                                                  LimitScope file) {
    const LimitRow* row = find_row(name);
    if (!row || (row->scope == LimitScope::OursOnly && file == LimitScope::Any))
        return bus::Unexpected{LimitError::UnknownName};

    const auto value = parse_number(text, maximum_of(row->field));
    if (!value) return bus::Unexpected{to_limit_error(value.error())};
    return make_limit(name, *value);
}

bus::Result<LimitSetting, LimitError> make_limit(std::string_view name, std::uint64_t value) {
    const LimitRow* row = find_row(name);
    if (!row) return bus::Unexpected{LimitError::UnknownName};
    if (value > maximum_of(row->field)) return bus::Unexpected{LimitError::TooLarge};
    const bool is_none = value == 0 && row->least.zero_is_none;
    if (!is_none && value < row->least.value) return bus::Unexpected{LimitError::TooSmall};
    return LimitSetting{row->name, value};
}

LeastLimit least_of(std::string_view name) {
    const LimitRow* row = find_row(name);
    return row ? row->least : LeastLimit{};
}

bool may_be_said_for(LimitSubject subject, std::string_view name) {
    const LimitRow* row = find_row(name);
    return row && (subject == LimitSubject::Everybody || row->subject == subject);
}

bus::Result<void, LimitError> set_limit(Limits& limits,
                                        std::string_view name,
                                        std::string_view text,
                                        LimitScope file) {
    const auto setting = parse_limit(name, text, file);
    if (!setting) return bus::Unexpected{setting.error()};
    return set_limit(limits, setting->name, setting->value);
}

bus::Result<void, LimitError> set_limit(Limits& limits,
                                        std::string_view name,
                                        std::uint64_t value) {
    const auto setting = make_limit(name, value);
    if (!setting) return bus::Unexpected{setting.error()};
    set(limits, find_row(name)->field, value);
    return {};
}

std::vector<std::string_view> limit_names(LimitScope file) {
    std::vector<std::string_view> names;
    for (const LimitRow& row : kLimits)
        if (row.scope == LimitScope::Any || file == LimitScope::OursOnly) names.push_back(row.name);
    return names;
}

std::vector<std::string_view> limit_names(LimitSubject subject) {
    std::vector<std::string_view> names;
    for (const LimitRow& row : kLimits)
        if (subject == LimitSubject::Everybody || row.subject == subject) names.push_back(row.name);
    return names;
}

std::vector<std::pair<std::string_view, std::uint64_t>> listed(const Limits& limits) {
    std::vector<std::pair<std::string_view, std::uint64_t>> list;
    for (const LimitRow& row : kLimits) {
        if (const auto value = value_of(limits, row.field)) list.emplace_back(row.name, *value);
    }
    return list;
}

std::vector<LimitChange> changed_limits(const Limits& before, const Limits& after) {
    std::vector<LimitChange> changes;
    for (const LimitRow& row : kLimits) {
        const LimitChange change{row.name, value_of(before, row.field), value_of(after, row.field)};
        if (change.before != change.after) changes.push_back(change);
    }
    return changes;
}

}  // namespace buzon::policy
