// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher/configuration.h"

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <system_error>
#include <vector>

#include "tests/support/temp_dir.h"

namespace buzon::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ConfigurationTest : public testing::Test {
protected:
    void write(const std::string& inside) const {
        directory_.write("bus.conf",
                         "<busconfig><listen>unix:path=/x</listen>\n" + inside + "</busconfig>");
    }
    ConfigurationReader reader(bool accept_unenforced = false) {
        Options options;
        options.config_file = directory_.file("bus.conf");
        options.mailbox_configs = mailbox_configs_;
        options.unsafe_partial_policy = accept_unenforced;
        return ConfigurationReader(options);
    }
    LoadedSettings load(LoadPurpose purpose = LoadPurpose::Start, bool accept_unenforced = false) {
        return reader(accept_unenforced).load(purpose).settings;
    }

    const testing_support::TempDir directory_;
    std::vector<std::string> mailbox_configs_;
};

TEST_F(ConfigurationTest, ReadsAgainWhatHasChanged) {
    write("<limit name='max_names_per_connection'>7</limit>");
    const ConfigurationReader configuration = reader();
    EXPECT_EQ(configuration.load(LoadPurpose::Start).settings.limits.max_names_per_connection, 7U);
    write("<limit name='max_names_per_connection'>8</limit>");
    EXPECT_EQ(configuration.load(LoadPurpose::Reload).settings.limits.max_names_per_connection, 8U);
}

TEST_F(ConfigurationTest, TellsWhatIsWrongAndWhere) {
    write("<bogus/>");
    try {
        (void)load();
        ADD_FAILURE() << "accepted";
    } catch (const policy::ConfigError& error) {
        EXPECT_THAT(error.what(), testing::StartsWith(directory_.file("bus.conf") + ":2:"));
    }
}

TEST_F(ConfigurationTest, ReadsFilesOfOursBehindTheOthers) {
    write("<limit name='max_names_per_connection'>7</limit>");
    directory_.write("own.conf", R"(<busconfig>
        <limit name='max_names_per_connection'>8</limit>
        <limits user='0'><limit name='max_names_per_user'>9</limit></limits>
        <limits user='nobody-has-this-name'/></busconfig>)");
    mailbox_configs_ = {directory_.file("own.conf")};
    const auto settings = load();
    EXPECT_EQ(settings.limits.max_names_per_connection, 8U);
    EXPECT_EQ(settings.overrides.users.size(), 1U);
    EXPECT_TRUE(settings.overrides.users.contains(0));
    EXPECT_THAT(settings.warnings, ElementsAre(HasSubstr("own.conf:4: unknown user")));
}

TEST_F(ConfigurationTest, NeedsTheFilesOfOursThatAreGiven) {
    write("");
    mailbox_configs_ = {directory_.file("own.conf")};
    for (const auto purpose : {LoadPurpose::Start, LoadPurpose::Reload}) {
        try {
            (void)load(purpose);
            ADD_FAILURE() << "accepted";
        } catch (const policy::ConfigError& error) {
            EXPECT_THAT(error.what(), testing::StartsWith(directory_.file("own.conf") + ": "));
        }
    }
}

TEST_F(ConfigurationTest, RefusesRulesThatAreNotEnforcedUnlessAskedNotTo) {
    write("<policy at_console='true'><deny own='*'/></policy>");
    EXPECT_THROW((void)load(), policy::ConfigError);
    EXPECT_THAT(load(LoadPurpose::Start, true).warnings,
                ElementsAre(HasSubstr("bus.conf:2: not enforced: ")));
}

TEST_F(ConfigurationTest, WarnsOfAUserThatDoesNotExist) {
    write("<policy user='nobody-has-this-name'><allow own='*'/></policy>");
    EXPECT_THAT(load().warnings, ElementsAre(HasSubstr("nobody-has-this-name")));
}

TEST_F(ConfigurationTest, ShowsABoundedNumberOfWarnings) {
    std::string rules;
    for (int i = 0; i < 3000; ++i)
        rules += "<policy user='nobody-has-this-name'><allow own='*'/></policy>";
    write(rules);
    EXPECT_EQ(load().warnings.size(), 1001U);
}

TEST_F(ConfigurationTest, LooksUpWhomToBecomeOnlyAtTheStart) {
    write("<user>root</user>");
    const auto at_start = load(LoadPurpose::Start).start;
    ASSERT_TRUE(at_start.identity);
    EXPECT_EQ(at_start.identity->uid, 0U);
    EXPECT_FALSE(at_start.owner_name.empty());
    EXPECT_FALSE(load(LoadPurpose::Reload).start.identity);
}

TEST_F(ConfigurationTest, NamesEachListenAddressWithItsPlace) {
    write("<listen>unix:path=/y</listen>");
    const auto start = load().start;
    ASSERT_EQ(start.listen.size(), 2U);
    EXPECT_EQ(start.listen[1].text, "unix:path=/y");
    EXPECT_EQ(start.listen[1].place, directory_.file("bus.conf") + ":2:1");
}

TEST_F(ConfigurationTest, AuthMechanismsAreThoseNamedOrAll) {
    using bus::AuthMechanism;
    write("");
    EXPECT_TRUE(load().start.auth_mechanisms.contains(AuthMechanism::Anonymous));
    write("<auth>EXTERNAL</auth>");
    const auto mechanisms = load().start.auth_mechanisms;
    EXPECT_TRUE(mechanisms.contains(AuthMechanism::External));
    EXPECT_FALSE(mechanisms.contains(AuthMechanism::CookieSha1));
    EXPECT_FALSE(mechanisms.contains(AuthMechanism::Anonymous));
}

template <typename Value>
policy::Located<Value> at_line(Value value, policy::Config& config, std::uint32_t line) {
    return {std::move(value), {config.files.add("/etc/bus.conf"), line, 3}};
}

class FakeUsers : public policy::UserDatabase {
public:
    std::optional<policy::UserEntry> user(std::string_view name) override {
        if (name == "unreachable")
            throw std::system_error(ECONNREFUSED, std::generic_category(), "name service");
        if (name != "bus") return std::nullopt;
        return policy::UserEntry{"bus", 100, 101, "/"};
    }
    std::optional<gid_t> group(std::string_view) override { return std::nullopt; }
    std::vector<gid_t> groups_of(const policy::UserEntry&) override { return {101, 7}; }
};

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

TEST(ConfiguredIdentity, IsNotGivenUpWhereTheNameServiceIsDown) {
    FakeUsers users;
    policy::Config config;
    config.user = at_line<std::string>("unreachable", config, 4);
    EXPECT_THROW((void)configured_identity(config, users), policy::ConfigError);
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
