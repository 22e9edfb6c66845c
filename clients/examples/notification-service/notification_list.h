// SPDX-License-Identifier: Apache-2.0
// The notifications that are open: what the service does, without any D-Bus.
// Bounds: kMaxNotifications, kMaxTextBytes for each text. Ids are never 0 and not used again soon.
// Time comes in as an argument, so that nothing here waits.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bus/base/result.h"

namespace buzon::clients::notifications {

using Clock = std::chrono::steady_clock;

inline constexpr std::size_t kMaxNotifications = 100;
inline constexpr std::size_t kMaxTextBytes = 4096;

struct Notification {
    std::string application;
    std::string summary;
    std::string body;
    std::vector<std::string> action_keys;
    std::optional<Clock::time_point> expires;  // nothing: stays until closed
};

enum class AddError : std::uint8_t { TooMany, TextTooLong };

class NotificationList {
public:
    /// Replaces `replaces_id` if that is open, and keeps its id; adds a new one otherwise.
    /// Returns the id. After an error nothing has changed.
    bus::Result<std::uint32_t, AddError> add(Notification notification, std::uint32_t replaces_id);
    /// Whether there was one with this id.
    bool remove(std::uint32_t id);
    /// Removes those whose time has come; returns their ids.
    std::vector<std::uint32_t> remove_expired(Clock::time_point now);

    /// When remove_expired() has something to do again, if ever.
    [[nodiscard]] std::optional<Clock::time_point> next_expiry() const;
    [[nodiscard]] const Notification* find(std::uint32_t id) const;
    [[nodiscard]] const std::map<std::uint32_t, Notification>& all() const { return open_; }

private:
    std::uint32_t unused_id();

    std::map<std::uint32_t, Notification> open_;
    std::uint32_t last_id_ = 0;
};

}  // namespace buzon::clients::notifications
