// SPDX-License-Identifier: Apache-2.0
#include "broker/settings_reader.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/temp_dir.h"

namespace buzon::broker {
namespace {

class SettingsReaderTest : public testing::Test {
protected:
    void write(const std::string& inside) const {
        directory_.write("bus.conf",
                         "<busconfig><listen>unix:path=/x</listen>\n" + inside + "</busconfig>");
    }
    SettingsReader reader(bool accept_unenforced = false) {
        Options options;
        options.config_file = directory_.file("bus.conf");
        options.unsafe_partial_policy = accept_unenforced;
        return {options, log_};
    }

    const testing_support::TempDir directory_;
    std::vector<std::string> logged_;
    bus::Log log_{[this](bus::LogLevel, std::string_view text) { logged_.emplace_back(text); }};
};

TEST_F(SettingsReaderTest, ReadsAgainWhatHasChanged) {
    write("<limit name='max_names_per_connection'>7</limit>");
    const SettingsReader settings_reader = reader();
    EXPECT_EQ(
        settings_reader.compile(settings_reader.read_config()).limits.max_names_per_connection, 7U);
    write("<limit name='max_names_per_connection'>8</limit>");
    const auto reloaded = settings_reader.reload();
    ASSERT_TRUE(reloaded);
    EXPECT_EQ(reloaded.value().limits.max_names_per_connection, 8U);
}

TEST_F(SettingsReaderTest, TellsAReloadThatFailsWhere) {
    write("");
    const SettingsReader settings_reader = reader();
    write("<bogus/>");
    const auto reloaded = settings_reader.reload();
    ASSERT_FALSE(reloaded);
    EXPECT_TRUE(reloaded.error().starts_with(directory_.file("bus.conf") + ":2:"))
        << reloaded.error();
}

TEST_F(SettingsReaderTest, RefusesRulesThatAreNotEnforcedUnlessAskedNotTo) {
    write("<policy at_console='true'><deny own='*'/></policy>");
    EXPECT_THROW((void)reader().read_config(), policy::ConfigError);
    const SettingsReader lenient = reader(true);
    (void)lenient.compile(lenient.read_config());
    ASSERT_EQ(logged_.size(), 1U);
    EXPECT_NE(logged_[0].find("bus.conf:2: not enforced: "), std::string::npos) << logged_[0];
}

TEST_F(SettingsReaderTest, WarnsOfAUserThatDoesNotExist) {
    write("<policy user='nobody-has-this-name'><allow own='*'/></policy>");
    const SettingsReader settings_reader = reader();
    (void)settings_reader.compile(settings_reader.read_config());
    ASSERT_EQ(logged_.size(), 1U);
    EXPECT_NE(logged_[0].find("nobody-has-this-name"), std::string::npos) << logged_[0];
}

TEST_F(SettingsReaderTest, AuthMechanismsAreThoseNamedOrAll) {
    using bus::AuthMechanism;
    write("");
    EXPECT_TRUE(auth_mechanisms(reader().read_config()).contains(AuthMechanism::Anonymous));
    write("<auth>EXTERNAL</auth>");
    const auto mechanisms = auth_mechanisms(reader().read_config());
    EXPECT_TRUE(mechanisms.contains(AuthMechanism::External));
    EXPECT_FALSE(mechanisms.contains(AuthMechanism::CookieSha1));
    EXPECT_FALSE(mechanisms.contains(AuthMechanism::Anonymous));
}

}  // namespace
}  // namespace buzon::broker
