// SPDX-License-Identifier: Apache-2.0
// Cookies from the bus owner's keyring, which the launcher reads and writes. All who wait share one
// call and its cookie, so that at most one call is under way.
#pragma once

#include <string>

#include "broker/cookie_source.h"
#include "broker/launcher_keeper.h"
#include "bus/base/log.h"
#include "bus/message_builder.h"

namespace buzon::broker {

class LauncherCookies final : public CookieSource, private LauncherCaller {
public:
    /// `directory`: `.dbus-keyrings` in the home of whoever runs the bus.
    LauncherCookies(LauncherKeeper& keeper, bus::Log& log, std::string directory)
        : keeper_(keeper), log_(log), directory_(std::move(directory)) {}

    void ask(CookieWaiter& waiter) override;

private:
    bool on_answer(const bus::Message& message) override;
    void on_lost(const std::string& reason) override { fail(reason); }
    void fail(const std::string& reason);
    void give(const std::optional<bus::AuthCookie>& cookie);

    LauncherKeeper& keeper_;
    bus::Log& log_;
    std::string directory_;
    bus::MessageBuilder builder_;
    bus::IntrusiveList<CookieWaiter, CookieWaiter> waiting_;
    bool asked_ = false;
};

}  // namespace buzon::broker
