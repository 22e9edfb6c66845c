// SPDX-License-Identifier: Apache-2.0
#include "broker/start_settings.h"

#include <gtest/gtest.h>

namespace buzon::broker {
namespace {

policy::Config config_of_type(const char* type) {
    policy::Config config;
    config.type = policy::Located<std::string>{type, {}};
    return config;
}

template <typename Value>
policy::Located<Value> at_line(Value value, policy::Config& config, std::uint32_t line) {
    return {std::move(value), {config.files.add("/etc/bus.conf"), line, 3}};
}

class FakeUsers : public policy::UserDatabase {
public:
    std::optional<policy::UserEntry> user(std::string_view name) override {
        if (name != "bus") return std::nullopt;
        return policy::UserEntry{"bus", 100, 101, "/"};
    }
    std::optional<gid_t> group(std::string_view) override { return std::nullopt; }
    std::vector<gid_t> groups_of(const policy::UserEntry&) override { return {101, 7}; }
};

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
    EXPECT_EQ(log_prefix(config_of_type("session"), 1000, 7), "[session uid=1000 pid=7] ");
    EXPECT_EQ(log_prefix(config_of_type("system"), 0, 7), "[system] ");
    EXPECT_EQ(log_prefix(config_of_type("other"), 0, 7), "");
    EXPECT_EQ(log_prefix({}, 0, 7), "");
}

TEST(WantsToFork, FollowsTheCommandLineBeforeTheConfiguration) {
    EXPECT_TRUE(wants_to_fork(ForkChoice::AsConfigured, true));
    EXPECT_FALSE(wants_to_fork(ForkChoice::AsConfigured, false));
    EXPECT_TRUE(wants_to_fork(ForkChoice::Always, false));
    EXPECT_FALSE(wants_to_fork(ForkChoice::Never, true));
}

TEST(PidfilePath, IsThatOfTheConfigurationUnlessForbidden) {
    policy::Config config;
    EXPECT_EQ(pidfile_path(PidfileChoice::AsConfigured, config), std::nullopt);
    config.pidfile = policy::Located<std::string>{"/run/pid", {}};
    EXPECT_EQ(pidfile_path(PidfileChoice::AsConfigured, config), "/run/pid");
    EXPECT_EQ(pidfile_path(PidfileChoice::Never, config), std::nullopt);
}

TEST(ConfiguredIdentity, HasEveryGroupOfTheUser) {
    FakeUsers users;
    policy::Config config;
    EXPECT_FALSE(configured_identity(config, users));
    config.user = at_line<std::string>("bus", config, 4);
    const auto identity = configured_identity(config, users);
    ASSERT_TRUE(identity);
    EXPECT_EQ(identity->uid, 100U);
    EXPECT_EQ(identity->gid, 101U);
    EXPECT_EQ(identity->groups, (std::vector<gid_t>{101, 7}));
}

TEST(ConfiguredIdentity, NamesThePlaceOfAnUnknownUser) {
    FakeUsers users;
    policy::Config config;
    config.user = at_line<std::string>("nobody-knows", config, 4);
    try {
        (void)configured_identity(config, users);
        ADD_FAILURE() << "found";
    } catch (const policy::ConfigError& error) {
        EXPECT_STREQ(error.what(),
                     "/etc/bus.conf:4:3: Could not get UID and GID for username \"nobody-knows\"");
    }
}

TEST(RefuseUnenforced, NamesTheFirstAndCountsTheOthers) {
    policy::Config config;
    EXPECT_NO_THROW(refuse_unenforced(config));
    for (const std::uint32_t line : {5U, 9U, 12U}) {
        const auto place = at_line(0, config, line);
        config.unenforced.push_back({place.location, "rules for groups"});
    }
    try {
        refuse_unenforced(config);
        ADD_FAILURE() << "accepted";
    } catch (const policy::ConfigError& error) {
        EXPECT_STREQ(error.what(),
                     "/etc/bus.conf:5:3: not enforced yet: rules for groups (and 2 more); "
                     "--unsafe-partial-policy starts the bus all the same");
    }
}

}  // namespace
}  // namespace buzon::broker
