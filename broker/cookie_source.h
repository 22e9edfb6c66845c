// SPDX-License-Identifier: Apache-2.0
// Where connections that authenticate with DBUS_COOKIE_SHA1 get a cookie from, without holding up
// anybody else. Whoever does not want to wait any longer unlinks himself.
#pragma once

#include <optional>

#include "bus/auth_server.h"
#include "bus/base/intrusive_list.h"

namespace buzon::broker {

class CookieWaiter : public bus::ListLink<CookieWaiter> {
public:
    /// None: the keyring cannot be used.
    virtual void on_cookie(const std::optional<bus::AuthCookie>& cookie) = 0;

protected:
    CookieWaiter() = default;
    ~CookieWaiter() = default;
};

class CookieSource {
public:
    /// Tells `waiter`, at once or later. Not to be called for one that waits.
    virtual void ask(CookieWaiter& waiter) = 0;

protected:
    ~CookieSource() = default;
};

}  // namespace buzon::broker
