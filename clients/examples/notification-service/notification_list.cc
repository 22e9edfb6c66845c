// SPDX-License-Identifier: Apache-2.0
#include "clients/examples/notification-service/notification_list.h"

#include <algorithm>
#include <utility>

namespace buzon::clients::notifications {
namespace {

bool has_long_text(const Notification& notification) {
    const auto is_long = [](const std::string& text) { return text.size() > kMaxTextBytes; };
    return is_long(notification.application) || is_long(notification.summary) ||
           is_long(notification.body) || std::ranges::any_of(notification.action_keys, is_long);
}

}  // namespace

bus::Result<std::uint32_t, AddError> NotificationList::add(Notification notification,
                                                           std::uint32_t replaces_id) {
    if (has_long_text(notification)) return bus::Unexpected{AddError::TextTooLong};
    const bool replaces = open_.contains(replaces_id);
    if (!replaces && open_.size() >= kMaxNotifications) return bus::Unexpected{AddError::TooMany};
    const std::uint32_t id = replaces ? replaces_id : unused_id();
    open_.insert_or_assign(id, std::move(notification));
    return id;
}

bool NotificationList::remove(std::uint32_t id) {
    return open_.erase(id) > 0;
}

std::vector<std::uint32_t> NotificationList::remove_expired(Clock::time_point now) {
    std::vector<std::uint32_t> expired;
    for (const auto& [id, notification] : open_) {
        if (notification.expires && *notification.expires <= now) expired.push_back(id);
    }
    for (const std::uint32_t id : expired)
        open_.erase(id);
    return expired;
}

std::optional<Clock::time_point> NotificationList::next_expiry() const {
    std::optional<Clock::time_point> next;
    for (const auto& [id, notification] : open_) {
        if (notification.expires && (!next || *notification.expires < *next))
            next = notification.expires;
    }
    return next;
}

const Notification* NotificationList::find(std::uint32_t id) const {
    const auto found = open_.find(id);
    return found == open_.end() ? nullptr : &found->second;
}

std::uint32_t NotificationList::unused_id() {
    do {
        ++last_id_;
    } while (last_id_ == 0 || open_.contains(last_id_));
    return last_id_;
}

}  // namespace buzon::clients::notifications
