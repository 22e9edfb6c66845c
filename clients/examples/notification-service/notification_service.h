// SPDX-License-Identifier: Apache-2.0
// The D-Bus face of NotificationList: one object with one interface.
// Methods and signals have the shape of the desktop's org.freedesktop.Notifications; properties
// and two methods to try it out with are ours. buzonctl introspect shows them all.
// Errors: what a method throws as sdbus::Error, its caller gets as the error reply.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <sdbus-c++/sdbus-c++.h>

#include "clients/examples/notification-service/notification_list.h"

namespace buzon::clients::notifications {

/// Under which names the service is found. An application would have constants here.
struct Identity {
    std::string name;
    std::string path;
    std::string interface;
};

inline const Identity kExampleIdentity{"org.buzon.example.Notifications",
                                       "/org/buzon/example/Notifications",
                                       "org.buzon.example.Notifications1"};
/// What notify-send and desktop applications look for.
inline const Identity kDesktopIdentity{"org.freedesktop.Notifications",
                                       "/org/freedesktop/Notifications",
                                       "org.freedesktop.Notifications"};

class NotificationService {
public:
    /// Registers the object; `connection` must outlive it. The name is requested by the caller
    /// afterwards: a service must be able to answer before it can be found.
    NotificationService(sdbus::IConnection& connection, const Identity& identity);
    NotificationService(const NotificationService&) = delete;
    NotificationService& operator=(const NotificationService&) = delete;

    /// Closes what has expired. Call it at next_expiry().
    void expire(Clock::time_point now);
    [[nodiscard]] std::optional<Clock::time_point> next_expiry() const {
        return list_.next_expiry();
    }

private:
    /// Why a notification was closed, as NotificationClosed says it.
    enum class Reason : std::uint32_t { Expired = 1, Dismissed = 2, ClosedByCall = 3 };

    using Hints = std::map<std::string, sdbus::Variant>;
    using Listed = sdbus::Struct<std::uint32_t, std::string, std::string, std::string>;

    void register_desktop_methods();
    void register_own_methods();
    void register_signals();
    void register_properties();

    std::uint32_t notify(const std::string& application,
                         std::uint32_t replaces_id,
                         const std::string& summary,
                         const std::string& body,
                         const std::vector<std::string>& actions,
                         std::int32_t timeout_ms);
    void show(std::uint32_t id) const;
    void close(std::uint32_t id);
    void invoke_action(std::uint32_t id, const std::string& key);
    [[nodiscard]] std::vector<Listed> list() const;
    void set_do_not_disturb(bool value);
    void set_default_timeout_ms(std::int32_t value);

    void remove(std::uint32_t id, Reason reason);
    void emit_closed(std::uint32_t id, Reason reason);
    void emit_changed(const std::string& property);

    std::string interface_;
    std::unique_ptr<sdbus::IObject> object_;
    NotificationList list_;
    bool do_not_disturb_ = false;
    std::int32_t default_timeout_ms_ = 10'000;
};

}  // namespace buzon::clients::notifications
