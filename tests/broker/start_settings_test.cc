// SPDX-License-Identifier: Apache-2.0
#include "broker/start_settings.h"

#include <gtest/gtest.h>

namespace buzon::broker {
namespace {

TEST(LogTarget, FollowsTheCommandLineBeforeTheConfiguration) {
    constexpr struct {
        SyslogChoice choice;
        bool configured;
        bus::LogTarget expected;
    } kCases[] = {
        {SyslogChoice::AsConfigured, false, bus::LogTarget::Stderr},
        {SyslogChoice::AsConfigured, true, bus::LogTarget::Both},
        {SyslogChoice::Never, true, bus::LogTarget::Stderr},
        {SyslogChoice::Also, false, bus::LogTarget::Both},
        {SyslogChoice::Only, true, bus::LogTarget::Syslog},
    };
    for (const auto& [choice, configured, expected] : kCases) {
        EXPECT_EQ(log_target(choice, configured), expected);
    }
}

TEST(LogPrefix, NamesTheBus) {
    EXPECT_EQ(log_prefix("session", 1000, 7), "[session uid=1000 pid=7] ");
    EXPECT_EQ(log_prefix("system", 0, 7), "[system] ");
    EXPECT_EQ(log_prefix("other", 0, 7), "");
    EXPECT_EQ(log_prefix(std::nullopt, 0, 7), "");
}

TEST(WantsToFork, FollowsTheCommandLineBeforeTheConfiguration) {
    EXPECT_TRUE(wants_to_fork(ForkChoice::AsConfigured, true));
    EXPECT_FALSE(wants_to_fork(ForkChoice::AsConfigured, false));
    EXPECT_TRUE(wants_to_fork(ForkChoice::Always, false));
    EXPECT_FALSE(wants_to_fork(ForkChoice::Never, true));
}

TEST(PidfilePath, IsThatOfTheConfigurationUnlessForbidden) {
    StartSettings config;
    EXPECT_EQ(pidfile_path(PidfileChoice::AsConfigured, config), std::nullopt);
    config.pidfile = "/run/pid";
    EXPECT_EQ(pidfile_path(PidfileChoice::AsConfigured, config), "/run/pid");
    EXPECT_EQ(pidfile_path(PidfileChoice::Never, config), std::nullopt);
}

}  // namespace
}  // namespace buzon::broker
