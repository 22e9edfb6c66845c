// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher_cookies.h"

#include "broker/launcher_protocol.h"
#include "broker/load_assembly.h"
#include "bus/utf8.h"

namespace buzon::broker {

void LauncherCookies::ask(CookieWaiter& waiter) {
    waiting_.push_back(waiter);
    if (asked_) return;
    if (!bus::is_utf8(directory_)) {
        fail("the name of its directory is not UTF-8");
        return;
    }
    asked_ = true;
    builder_.start_body().write_string(directory_);
    keeper_.ask(LauncherRequest::GiveCookie, builder_, *this);
}

bool LauncherCookies::on_answer(const bus::Message& message) {
    if (message.header().type == bus::MessageType::Signal) return false;
    if (message.header().type == bus::MessageType::Error) {
        fail(error_text(message));
        return true;
    }
    const auto cookie = read_cookie(body_of(message));
    if (!cookie) return false;
    give(*cookie);
    return true;
}

void LauncherCookies::fail(const std::string& reason) {
    log_.warning(bus::LogKind{"cookie keyring failures"}, "no cookie from {}: {}",
                 bus::printable(directory_), reason);
    give(std::nullopt);
}

/// Whoever asks because of this waits for the next cookie.
void LauncherCookies::give(const std::optional<bus::AuthCookie>& cookie) {
    asked_ = false;
    bus::IntrusiveList<CookieWaiter, CookieWaiter> told;
    told.splice_back(waiting_);
    while (!told.empty()) {
        CookieWaiter& waiter = told.front();
        waiter.unlink();
        waiter.on_cookie(cookie);
    }
}

}  // namespace buzon::broker
