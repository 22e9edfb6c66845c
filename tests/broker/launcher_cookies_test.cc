// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher_cookies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/broker/fake_launcher.h"

namespace buzon::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Waiter final : public CookieWaiter {
public:
    void on_cookie(const std::optional<bus::AuthCookie>& cookie) override {
        cookies.push_back(cookie ? cookie->cookie : "(none)");
    }
    std::vector<std::string> cookies;
};

class LauncherCookiesTest : public LauncherFixture {
protected:
    void answer(std::string cookie) {
        write_cookie({"general", 7, std::move(cookie)}, active_->body());
        active_->send_return(active_->last_serial(), LauncherRequest::GiveCookie);
        settle();
    }

    LauncherCookies cookies_{*keeper_, log_, "/home/bus/.dbus-keyrings"};
    Waiter first_, second_;
};

TEST_F(LauncherCookiesTest, AllWhoWaitShareOneCall) {
    cookies_.ask(first_);
    cookies_.ask(second_);
    ASSERT_THAT(active_->calls(), ElementsAre("GiveCookie"));
    answer("c0ffee");
    EXPECT_THAT(first_.cookies, ElementsAre("c0ffee"));
    EXPECT_THAT(second_.cookies, ElementsAre("c0ffee"));
    cookies_.ask(first_);
    EXPECT_THAT(active_->calls(), ElementsAre("GiveCookie")) << "none is kept";
}

TEST_F(LauncherCookiesTest, WhoeverHasGoneIsToldNothing) {
    {
        Waiter gone;
        cookies_.ask(gone);
        cookies_.ask(first_);
    }
    active_->calls();
    answer("c0ffee");
    EXPECT_THAT(first_.cookies, ElementsAre("c0ffee"));
}

TEST_F(LauncherCookiesTest, AFailureIsLoggedAndThereIsNone) {
    cookies_.ask(first_);
    active_->calls();
    active_->send_error(active_->last_serial(), "the keyring cannot be read");
    settle();
    EXPECT_THAT(first_.cookies, ElementsAre("(none)"));
    EXPECT_THAT(log_lines_, ElementsAre("no cookie from /home/bus/.dbus-keyrings: the keyring "
                                        "cannot be read"));
}

TEST_F(LauncherCookiesTest, ThereIsNoneFromALauncherThatDies) {
    cookies_.ask(first_);
    EXPECT_THAT(first_.cookies, IsEmpty());
    active_->close();
    settle();
    EXPECT_THAT(first_.cookies, ElementsAre("(none)"));
    spare_->close();
    settle();
    cookies_.ask(first_);
    EXPECT_EQ(first_.cookies.size(), 2U);
}

TEST_F(LauncherCookiesTest, ADirectoryThatCannotBeSentIsNotAskedFor) {
    LauncherCookies odd(*keeper_, log_, "/home/\xff");
    odd.ask(first_);
    EXPECT_THAT(first_.cookies, ElementsAre("(none)"));
    EXPECT_THAT(active_->calls(), IsEmpty());
    EXPECT_THAT(log_lines_, testing::Contains(HasSubstr("not UTF-8")));
}

}  // namespace
}  // namespace buzon::broker
