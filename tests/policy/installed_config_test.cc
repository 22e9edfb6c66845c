// SPDX-License-Identifier: Apache-2.0
// The configurations that Debian ships: those of dbus itself, and the valid and invalid ones of the
// package dbus-tests. Where a package is not installed, its tests are skipped and say so.
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/config_files.h"
#include "policy/policy_set.h"

namespace buzon::policy {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path kData = "/usr/lib/dbus-1.0/debug-build/libexec/installed-tests/dbus/data";

ConfigEnvironment plain_machine() {
    ConfigEnvironment environment;
    environment.home = "/home/alice";
    return environment;
}

Config load(const fs::path& path) {
    DiskFiles files;
    return load_config(path.string(), plain_machine(), files);
}

int count_valid(const fs::path& folder) {
    int count = 0;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() != ".conf") continue;
        ++count;
        try {
            const auto config = load(entry.path());
            EXPECT_FALSE(config.listen.empty()) << entry.path();
            EXPECT_TRUE(config.unenforced.empty()) << entry.path();
        } catch (const ConfigError& error) {
            ADD_FAILURE() << error.what();
        }
    }
    return count;
}

TEST(InstalledConfig, ValidFilesOfTheReferenceLoad) {
    if (!fs::exists(kData)) GTEST_SKIP() << "the package dbus-tests is not installed";
    EXPECT_GE(count_valid(kData / "valid-config-files"), 25);
    EXPECT_GE(count_valid(kData / "valid-config-files-system"), 5);
}

TEST(InstalledConfig, InvalidFilesOfTheReferenceAreRefusedForTheirReason) {
    if (!fs::exists(kData)) GTEST_SKIP() << "the package dbus-tests is not installed";
    const std::map<std::string, std::string> reasons = {
        {"apparmor-bad-attribute.conf", "unknown attribute \"enforcement_style\""},
        {"apparmor-bad-mode.conf", "mode=\"plaintive\""},
        {"bad-attribute-2.conf", "unknown attribute \"carefully\""},
        {"bad-attribute.conf", "unknown attribute \"wildebeest\""},
        {"bad-element.conf", "element <bees>"},
        {"bad-limit.conf", "\"as many as you like\" is not a whole number"},
        {"badselinux-1.conf", "selinux_root_relative=\"jomoma\""},
        {"badselinux-2.conf", "if_selinux_enabled=\"moo\""},
        {"circular-1.conf", "circular inclusion"},
        {"circular-2.conf", "circular inclusion"},
        {"circular-3.conf", "circular inclusion"},
        {"double-attribute.conf", "redefined"},
        {"impossible-send.conf", "matches nothing"},
        {"limit-no-name.conf", "<limit> needs"},
        {"ludicrous-limit.conf", "is too large"},
        {"negative-limit.conf", "is negative"},
        {"non-numeric-limit.conf", "\"bees\" is not a whole number"},
        {"not-well-formed.conf", "mismatch"},
        {"policy-bad-at-console.conf", "at_console=\"somewhere in the vicinity\""},
        {"policy-bad-attribute.conf", "unknown attribute \"hat\""},
        {"policy-bad-context.conf", "context=\"apropos of nothing\""},
        {"policy-bad-rule-attribute.conf", "unknown attribute \"species\""},
        {"policy-contradiction.conf", "exactly one of"},
        {"policy-member-no-path.conf", "send_member needs"},
        {"policy-mixed.conf", "each stand alone"},
        {"policy-no-attributes.conf", "exactly one of"},
        {"policy-no-rule-attribute.conf", "at least one attribute"},
        {"send-and-receive.conf", "can't stand in one rule"},
        {"truncated-file.conf", ""},
        {"unknown-limit.conf", "no limit called \"max_bees\""},
    };
    for (const auto& entry : fs::directory_iterator(kData / "invalid-config-files")) {
        const auto name = entry.path().filename().string();
        const auto reason = reasons.find(name);
        try {
            (void)load(entry.path());
            ADD_FAILURE() << name << " loads";
        } catch (const ConfigError& error) {
            EXPECT_GE(error.line(), 1u) << name;
            EXPECT_THAT(error.what(), HasSubstr(kData / "invalid-config-files")) << name;
            if (reason != reasons.end()) {
                EXPECT_THAT(error.text(), HasSubstr(reason->second)) << name;
            }
        }
    }
}

TEST(InstalledConfig, AFileWithEntitiesSaysWhatThePlainOneSays) {
    const auto path = kData / "valid-config-files/entities.conf";
    if (!fs::exists(path)) GTEST_SKIP() << "the package dbus-tests is not installed";
    const auto config = load(path);
    EXPECT_EQ(config.listen[0].value, "unix:path=/foo/<bar>");
    EXPECT_EQ(config.service_directories.back().path, "/usr/&share/foo");
    EXPECT_EQ(config.watched_directories.at(0), (kData / "valid-config-files/basic.d").string());
    EXPECT_EQ(config.policies.at(0).context, PolicyContext::Default);
}

TEST(InstalledConfig, OwnRulesOfTheReferenceDecideByPrefix) {
    const auto path = kData / "valid-config-files/check-own-rules.conf";
    if (!fs::exists(path)) GTEST_SKIP() << "the package dbus-tests is not installed";
    SystemUserDatabase users;
    std::vector<Warning> warnings;
    const auto snapshot =
        PolicySet::create(load(path), users, warnings)->snapshot_for({.uid = 4711});
    EXPECT_TRUE(snapshot->may_own("org.freedesktop.ManySystems"));
    EXPECT_TRUE(snapshot->may_own("org.freedesktop.ManySystems.foo"));
    EXPECT_TRUE(snapshot->may_own("org.freedesktop.ManySystems.foo.bar"));
    EXPECT_FALSE(snapshot->may_own("org.freedesktop"));
    EXPECT_FALSE(snapshot->may_own("org.freedesktop.ManySystemsfoo"));
    EXPECT_FALSE(snapshot->may_own("org.freedesktop.ManySystem"));
}

TEST(InstalledConfig, StockSessionConfigurationAllowsEverythingAtAGlance) {
    const fs::path path = "/usr/share/dbus-1/session.conf";
    if (!fs::exists(path)) GTEST_SKIP() << "the package dbus is not installed";
    const auto config = load(path);
    EXPECT_EQ(config.type->value, "session");
    EXPECT_EQ(config.listen.at(0).value, "unix:tmpdir=/tmp");
    EXPECT_EQ(config.limits.max_replies_per_connection, 50'000u);
    EXPECT_TRUE(config.unenforced.empty());

    SystemUserDatabase users;
    std::vector<Warning> warnings;
    Config stock = config;
    // What administrators put into session.d is not our business here.
    std::erase_if(stock.policies,
                  [](const PolicyBlock& block) { return block.location.file != FileId{}; });
    const auto snapshot = PolicySet::create(stock, users, warnings)->snapshot_for({.uid = 4711});
    EXPECT_TRUE(snapshot->allows_every_own());
    EXPECT_TRUE(snapshot->allows_every_send());
    EXPECT_TRUE(snapshot->allows_every_receive());
}

TEST(InstalledConfig, StockSystemConfigurationIsEnforced) {
    const fs::path path = "/usr/share/dbus-1/system.conf";
    if (!fs::exists(path)) GTEST_SKIP() << "the package dbus is not installed";
    const auto config = load(path);
    EXPECT_EQ(config.type->value, "system");
    EXPECT_EQ(config.user->value, "messagebus");
    EXPECT_EQ(config.pidfile->value, "/run/dbus/pid");
    EXPECT_TRUE(config.fork && config.syslog);
    for (const auto& each : config.unenforced) {
        EXPECT_NE(each.location.file, FileId{}) << each.text;
    }
    SystemUserDatabase users;
    std::vector<Warning> warnings;
    const auto set = PolicySet::create(config, users, warnings);
    EXPECT_TRUE(set->may_connect({.uid = 4711}, 0));

    const MessageFacts stats{.type = bus::MessageType::MethodCall,
                             .path = bus::kDriverPath,
                             .interface = "org.freedesktop.DBus.Debug.Stats",
                             .member = "GetStats",
                             .error_name = {},
                             .destination = bus::kDriverName,
                             .sender = ":1.1"};
    EXPECT_FALSE(set->snapshot_for({.uid = 4711})->may_send({.message = stats}));
    EXPECT_TRUE(set->snapshot_for({.uid = 0})->may_send({.message = stats}));
    EXPECT_FALSE(set->snapshot_for({.uid = 4711})->may_own("com.example.A"));
}

}  // namespace
}  // namespace buzon::policy
