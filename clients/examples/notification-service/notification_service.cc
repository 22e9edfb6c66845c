// SPDX-License-Identifier: Apache-2.0
#include "clients/examples/notification-service/notification_service.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

namespace buzon::clients::notifications {
namespace {

constexpr const char* kLimitsExceeded = "org.freedesktop.DBus.Error.LimitsExceeded";
constexpr const char* kInvalidArgs = "org.freedesktop.DBus.Error.InvalidArgs";
constexpr const char* kNotFound = "org.buzon.example.Error.NotFound";

[[noreturn]] void refuse(AddError error) {
    switch (error) {
        case AddError::TooMany:
            throw sdbus::Error(kLimitsExceeded,
                               fmt::format("{} notifications are open", kMaxNotifications));
        case AddError::TextTooLong: break;
    }
    throw sdbus::Error(kLimitsExceeded, fmt::format("a text is longer than {}", kMaxTextBytes));
}

[[noreturn]] void throw_not_found(std::uint32_t id) {
    throw sdbus::Error(kNotFound, fmt::format("there is no notification {}", id));
}

/// Actions come as key, label, key, label …; only keys come back in ActionInvoked.
std::vector<std::string> keys_of(const std::vector<std::string>& actions) {
    if (actions.size() % 2 != 0)
        throw sdbus::Error(kInvalidArgs, "actions are pairs of a key and a label");
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < actions.size(); i += 2)
        keys.push_back(actions[i]);
    return keys;
}

/// Anybody may have written `text`; a terminal must not obey it.
std::string on_one_line(std::string text) {
    const auto is_control = [](char c) { return (c >= 0 && c < ' ') || c == '\x7F'; };
    std::ranges::replace_if(text, is_control, ' ');
    return text;
}

}  // namespace

NotificationService::NotificationService(sdbus::IConnection& connection, const Identity& identity)
    : interface_(identity.interface), object_(sdbus::createObject(connection, identity.path)) {
    register_desktop_methods();
    register_own_methods();
    register_signals();
    register_properties();
    object_->finishRegistration();
}

// The types of the parameters are the signature: sdbus-c++ derives `susssasa{sv}i` from them,
// checks it for every call and writes it, with these names, into the introspection data.
void NotificationService::register_desktop_methods() {
    object_->registerMethod("Notify")
        .onInterface(interface_)
        .withInputParamNames("app_name", "replaces_id", "app_icon", "summary", "body", "actions",
                             "hints", "expire_timeout")
        .withOutputParamNames("id")
        .implementedAs([this](const std::string& application, std::uint32_t replaces_id,
                              const std::string& /*icon*/, const std::string& summary,
                              const std::string& body, const std::vector<std::string>& actions,
                              const Hints& /*hints*/, std::int32_t timeout_ms) {
            return notify(application, replaces_id, summary, body, actions, timeout_ms);
        });
    object_->registerMethod("CloseNotification")
        .onInterface(interface_)
        .withInputParamNames("id")
        .implementedAs([this](std::uint32_t id) { close(id); });
    object_->registerMethod("GetCapabilities")
        .onInterface(interface_)
        .withOutputParamNames("capabilities")
        .implementedAs([] {
            return std::vector<std::string>{"actions", "body", "persistence"};
        });
    object_->registerMethod("GetServerInformation")
        .onInterface(interface_)
        .withOutputParamNames("name", "vendor", "version", "spec_version")
        .implementedAs([] {
            return std::tuple<std::string, std::string, std::string, std::string>(
                "buzon-example-notifications", "buzon", BUZON_VERSION, "1.2");
        });
}

void NotificationService::register_own_methods() {
    object_->registerMethod("List")
        .onInterface(interface_)
        .withOutputParamNames("notifications")
        .implementedAs([this] { return list(); });
    object_->registerMethod("InvokeAction")
        .onInterface(interface_)
        .withInputParamNames("id", "action_key")
        .implementedAs(
            [this](std::uint32_t id, const std::string& key) { invoke_action(id, key); });
}

void NotificationService::register_signals() {
    object_->registerSignal("NotificationClosed")
        .onInterface(interface_)
        .withParameters<std::uint32_t, std::uint32_t>({"id", "reason"});
    object_->registerSignal("ActionInvoked")
        .onInterface(interface_)
        .withParameters<std::uint32_t, std::string>({"id", "action_key"});
}

// The update behaviour only tells clients whether they may keep what they have read. Announcing a
// change stays our job: emit_changed(), wherever the value changes.
void NotificationService::register_properties() {
    using Update = sdbus::Flags::PropertyUpdateBehaviorFlags;
    object_->registerProperty("Version")
        .onInterface(interface_)
        .withGetter([] { return std::string(BUZON_VERSION); })
        .withUpdateBehavior(Update::CONST_PROPERTY_VALUE);
    object_->registerProperty("Count")
        .onInterface(interface_)
        .withGetter([this] { return static_cast<std::uint32_t>(list_.all().size()); })
        .withUpdateBehavior(Update::EMITS_CHANGE_SIGNAL);
    object_->registerProperty("DoNotDisturb")
        .onInterface(interface_)
        .withGetter([this] { return do_not_disturb_; })
        .withSetter([this](const bool& value) { set_do_not_disturb(value); })
        .withUpdateBehavior(Update::EMITS_CHANGE_SIGNAL);
    object_->registerProperty("DefaultTimeoutMs")
        .onInterface(interface_)
        .withGetter([this] { return default_timeout_ms_; })
        .withSetter([this](const std::int32_t& value) { set_default_timeout_ms(value); })
        .withUpdateBehavior(Update::EMITS_CHANGE_SIGNAL);
}

/// `timeout_ms`: 0 is never, -1 the default of the service.
std::uint32_t NotificationService::notify(const std::string& application,
                                          std::uint32_t replaces_id,
                                          const std::string& summary,
                                          const std::string& body,
                                          const std::vector<std::string>& actions,
                                          std::int32_t timeout_ms) {
    Notification notification{application, summary, body, keys_of(actions), std::nullopt};
    const std::int32_t stays_ms = timeout_ms < 0 ? default_timeout_ms_ : timeout_ms;
    if (stays_ms > 0) notification.expires = Clock::now() + std::chrono::milliseconds(stays_ms);
    const std::size_t count = list_.all().size();
    const auto added = list_.add(std::move(notification), replaces_id);
    if (!added) refuse(added.error());
    if (list_.all().size() != count) emit_changed("Count");
    if (!do_not_disturb_) show(*added);
    return *added;
}

void NotificationService::show(std::uint32_t id) const {
    const Notification& shown = *list_.find(id);
    fmt::print("[{}] {}: {}{}{}\n", id, on_one_line(shown.application), on_one_line(shown.summary),
               shown.body.empty() ? "" : " - ", on_one_line(shown.body));
    std::fflush(stdout);
}

void NotificationService::close(std::uint32_t id) {
    if (list_.find(id) == nullptr) throw_not_found(id);
    remove(id, Reason::ClosedByCall);
}

/// What a click on a button of the notification would do.
void NotificationService::invoke_action(std::uint32_t id, const std::string& key) {
    const Notification* const notification = list_.find(id);
    if (notification == nullptr) throw_not_found(id);
    const auto& keys = notification->action_keys;
    if (std::ranges::find(keys, key) == keys.end())
        throw sdbus::Error(kInvalidArgs, fmt::format("notification {} has no action {}", id, key));
    object_->emitSignal("ActionInvoked").onInterface(interface_).withArguments(id, key);
    remove(id, Reason::Dismissed);
}

std::vector<NotificationService::Listed> NotificationService::list() const {
    std::vector<Listed> listed;
    for (const auto& [id, notification] : list_.all())
        listed.emplace_back(id, notification.application, notification.summary, notification.body);
    return listed;
}

void NotificationService::set_do_not_disturb(bool value) {
    if (value == do_not_disturb_) return;
    do_not_disturb_ = value;
    emit_changed("DoNotDisturb");
}

void NotificationService::set_default_timeout_ms(std::int32_t value) {
    if (value < 0) throw sdbus::Error(kInvalidArgs, "a timeout is 0 (never) or more");
    if (value == default_timeout_ms_) return;
    default_timeout_ms_ = value;
    emit_changed("DefaultTimeoutMs");
}

void NotificationService::expire(Clock::time_point now) {
    const auto expired = list_.remove_expired(now);
    for (const std::uint32_t id : expired)
        emit_closed(id, Reason::Expired);
    if (!expired.empty()) emit_changed("Count");
}

void NotificationService::remove(std::uint32_t id, Reason reason) {
    list_.remove(id);
    emit_closed(id, reason);
    emit_changed("Count");
}

void NotificationService::emit_closed(std::uint32_t id, Reason reason) {
    object_->emitSignal("NotificationClosed")
        .onInterface(interface_)
        .withArguments(id, static_cast<std::uint32_t>(reason));
}

/// Reads the new value from the getter and sends it along with PropertiesChanged.
void NotificationService::emit_changed(const std::string& property) {
    object_->emitPropertiesChangedSignal(interface_, {property});
}

}  // namespace buzon::clients::notifications
