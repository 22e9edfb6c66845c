// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher_link.h"

#include <fmt/format.h>

#include <utility>

namespace buzon::broker {

/// A load may take long and be the last thing that its launcher does: the spare comes first.
void LauncherLink::load(SettingsReceiver& receiver) {
    receiver_ = &receiver;
    assembly_ = {};
    keeper_.want_spare();
    builder_.start_body().write_boolean(false);
    keeper_.ask(LauncherRequest::Load, builder_, *this);
}

bool LauncherLink::on_answer(const bus::Message& message) {
    auto progress = assembly_.take(message);
    if (!progress) return false;
    if (*progress) finish_load(std::move(**progress));
    return true;
}

void LauncherLink::on_lost(const std::string& reason) {
    finish_load(bus::Unexpected{fmt::format("The configuration was not read: {}", reason)});
}

void LauncherLink::finish_load(LoadOutcome outcome) {
    SettingsReceiver* const receiver = std::exchange(receiver_, nullptr);
    if (!receiver) return;
    if (!outcome) {
        receiver->on_settings(bus::Unexpected{outcome.error()});
        return;
    }
    for (const std::string& text : outcome->settings.warnings)
        log_.warning(bus::LogKind{"configuration warnings"}, "{}", text);
    receiver->on_settings(ReadSettings{outcome->settings.limits, std::move(outcome->policy),
                                       std::move(outcome->settings.overrides)});
}

}  // namespace buzon::broker
