// SPDX-License-Identifier: Apache-2.0
#include "policy/buzon_files.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policy/fake_files.h"

namespace buzon::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string busconfig(std::string_view elements) {
    return "<busconfig>" + std::string(elements) + "</busconfig>";
}

std::string stuck(int timeout) {
    return busconfig("<limit name='stuck_timeout'>" + std::to_string(timeout) + "</limit>");
}

Config of_type(std::string type) {
    Config config;
    config.type = {std::move(type), {}};
    return config;
}

Config load(FakeFiles files,
            const std::vector<std::string>& given = {},
            WhenBroken when_broken = WhenBroken::LeaveOut) {
    auto config = of_type("session");
    load_buzon_files(config, given, when_broken, files);
    return config;
}

std::optional<std::string> error_of(FakeFiles files,
                                    const std::vector<std::string>& given,
                                    WhenBroken when_broken = WhenBroken::LeaveOut) {
    try {
        (void)load(std::move(files), given, when_broken);
        return {};
    } catch (const ConfigError& error) {
        return error.what();
    }
}

std::optional<std::string> error_in(std::string_view elements) {
    return error_of({{"/a.conf", busconfig(elements)}}, {"/a.conf"});
}

TEST(BuzonFiles, SetLimitsForEverybodyUsersAndDestinations) {
    const auto config = load({{"/a.conf", busconfig(R"(
        <limit name="stuck_timeout">5000</limit> <limit name="max_message_size">300</limit>
        <limits user="alice"><limit name="max_bytes_per_user">200000</limit></limits>
        <limits destination="org.example.Mail">
          <limit name="max_outgoing_bytes">9</limit> <limit name="stuck_timeout">1000</limit>
        </limits>)")}},
                             {"/a.conf"});
    EXPECT_EQ(config.limits.stuck_timeout, std::chrono::milliseconds(5000));
    EXPECT_EQ(config.limits.max_message_size, 300u);
    ASSERT_THAT(config.user_limits, SizeIs(1));
    EXPECT_EQ(config.user_limits[0].subject, "alice");
    EXPECT_THAT(config.user_limits[0].settings,
                ElementsAre(LimitSetting{"max_bytes_per_user", 200'000}));
    EXPECT_EQ(config.files.describe(config.user_limits[0].location), "/a.conf:3");
    ASSERT_THAT(config.destination_limits, SizeIs(1));
    EXPECT_EQ(config.destination_limits[0].subject, "org.example.Mail");
    EXPECT_THAT(
        config.destination_limits[0].settings,
        ElementsAre(LimitSetting{"max_outgoing_bytes", 9}, LimitSetting{"stuck_timeout", 1000}));
}

TEST(BuzonFiles, AreThoseOfTheDistributionThenOfTheAdministratorThenThoseGiven) {
    FakeFiles files{{"/etc/buzon/session.d/a.conf", stuck(3)},
                    {"/etc/buzon/session.d/b.conf", stuck(4)},
                    {"/usr/share/buzon/session.d/z.conf", stuck(1)}};
    EXPECT_EQ(load(files).limits.stuck_timeout.count(), 4);
    files.add("/given", stuck(5));
    files.add("/given2", stuck(6));
    EXPECT_EQ(load(files, {"/given", "/given2"}).limits.stuck_timeout.count(), 6);
    EXPECT_EQ(load(files, {"/given2", "/given"}).limits.stuck_timeout.count(), 5);
    EXPECT_THAT(load(files).watched_directories,
                ElementsAre("/usr/share/buzon/session.d", "/etc/buzon/session.d"));
}

TEST(BuzonFiles, AreThoseOfTheTypeOfTheBus) {
    FakeFiles files{{"/etc/buzon/session.d/a.conf", stuck(1)},
                    {"/etc/buzon/system.d/a.conf", stuck(2)},
                    {"/etc/buzon/system.d/ignored.txt", "<"}};
    auto config = of_type("system");
    load_buzon_files(config, {}, WhenBroken::Refuse, files);
    EXPECT_EQ(config.limits.stuck_timeout.count(), 2);
    config = of_type("other");
    load_buzon_files(config, {}, WhenBroken::Refuse, files);
    EXPECT_EQ(config.limits, Limits{});
    config = {};
    load_buzon_files(config, {}, WhenBroken::Refuse, files);
    EXPECT_EQ(config.limits, Limits{});
}

TEST(BuzonFiles, OfADirectoryAreLeftOutWholeWhereTheyAreBroken) {
    FakeFiles files{
        {"/etc/buzon/session.d/a.conf", stuck(1)},
        {"/etc/buzon/session.d/b.conf",
         busconfig("<limit name='stuck_timeout'>2</limit>\n<limit name='stuck_timeout'>x</limit>")},
        {"/etc/buzon/session.d/c.conf",
         busconfig("<limits user='alice'><limit name='max_names_per_user'>2</limit></limits>")}};
    const auto config = load(files);
    EXPECT_EQ(config.limits.stuck_timeout.count(), 1);
    EXPECT_THAT(config.user_limits, SizeIs(1));
    ASSERT_THAT(config.warnings, SizeIs(1));
    EXPECT_EQ(config.files.describe(config.warnings[0].location), "/etc/buzon/session.d/b.conf:2");
    EXPECT_EQ(config.warnings[0].text,
              "left out: limit stuck_timeout: \"x\" is not a whole number");
}

TEST(BuzonFiles, OfADirectoryAreErrorsWhereThatIsWanted) {
    EXPECT_THAT(
        error_of({{"/etc/buzon/session.d/b.conf", busconfig("<x/>")}}, {}, WhenBroken::Refuse),
        testing::Optional(HasSubstr("/etc/buzon/session.d/b.conf:1:12: element <x>")));
}

TEST(BuzonFiles, ThatAreGivenMustBeThereAndRight) {
    EXPECT_THAT(error_of({}, {"/nonesuch"}),
                testing::Optional(HasSubstr("/nonesuch: can't be read: No such file")));
    EXPECT_THAT(error_of({{"/a", "<busconfig>"}}, {"/a"}), testing::Optional(HasSubstr("/a:1:")));
}

TEST(BuzonFiles, TogetherMayNotHaveMoreElementsThanAConfiguration) {
    std::string half;
    for (std::size_t i = 0; i < kMaxConfigElements / 2; ++i)
        half += "<limits user='1'/>";
    FakeFiles files{{"/etc/buzon/session.d/a.conf", busconfig(half)},
                    {"/etc/buzon/session.d/b.conf", busconfig(half)}};
    EXPECT_THAT(error_of(files, {}), testing::Optional(HasSubstr("elements")));
}

constexpr struct {
    std::string_view about, elements, error;
} kWrong[] = {
    {"an element of others", "<listen>unix:tmpdir=/tmp</listen>",
     "/a.conf:1:12: element <listen> is not allowed in a file of buzon's own; expected <limit> or "
     "<limits>"},
    {"text", "limit", "/a.conf:1:1: <busconfig> must not have text inside"},
    {"a limit without a name", "<limit>1</limit>", "/a.conf:1:12: <limit> needs a name"},
    {"an unknown limit", "<limit name='stuck_timeuot'>1</limit>",
     "/a.conf:1:12: there is no limit called \"stuck_timeuot\"; did you mean stuck_timeout?"},
    {"a limit in words", "<limit name='stuck_timeout'>long</limit>",
     "/a.conf:1:12: limit stuck_timeout: \"long\" is not a whole number"},
    {"a time in which nobody can be in time", "<limit name='message_timeout'>0</limit>",
     "/a.conf:1:12: limit message_timeout: 0 is too small; expected 1 and more"},
    {"a limit with a child", "<limit name='stuck_timeout'><a/></limit>",
     "/a.conf:1:40: element <a> is not allowed inside <limit>"},
    {"too little for a message", "<limit name='max_bytes_per_user'>131071</limit>",
     "/a.conf:1:12: limit max_bytes_per_user: 131071 is too small; expected 0, for no such limit, "
     "or 131072 and more"},
    {"nobody's limits", "<limits/>",
     "/a.conf:1:12: <limits> needs either user=\"...\" or destination=\"...\""},
    {"limits of two", "<limits user='a' destination='a.b'/>",
     "/a.conf:1:12: <limits> needs either user=\"...\" or destination=\"...\""},
    {"an unknown attribute", "<limits usr='a'/>",
     "/a.conf:1:12: unknown attribute \"usr\" on <limits>; did you mean user?"},
    {"no user", "<limits user=''/>",
     "/a.conf:1:12: user=\"\": expected the name or the number of a user"},
    {"a unique name", "<limits destination=':1.1'/>",
     "/a.conf:1:12: destination=\":1.1\": expected a well-known bus name, such as "
     "org.example.Mail"},
    {"something else in limits", "<limits user='a'><allow own='*'/></limits>",
     "/a.conf:1:29: element <allow> is not allowed inside <limits>; expected <limit>"},
    {"a limit that users don't have",
     "<limits user='a'><limit name='max_bus_bytes'>1</limit></limits>",
     "/a.conf:1:29: limit max_bus_bytes can't be said for one user; these can: "
     "max_connections_per_user, max_names_per_connection, max_match_rules_per_connection, "
     "max_replies_per_connection, max_connections_per_second, max_bytes_per_user, "
     "max_unix_fds_per_user, max_match_rules_per_user, max_names_per_user, max_replies_per_user"},
    {"a limit that destinations don't have",
     "<limits destination='a.b'><limit name='max_names_per_user'>1</limit></limits>",
     "/a.conf:1:38: limit max_names_per_user can't be said for one destination; these can: "
     "max_outgoing_bytes, max_outgoing_unix_fds, stuck_timeout"},
};

TEST(BuzonFiles, NameWhatIsWrongAndWhere) {
    for (const auto& [about, elements, error] : kWrong)
        EXPECT_EQ(error_in(elements), error) << about;
    EXPECT_EQ(error_of({{"/a.conf", "<buzon/>"}}, {"/a.conf"}),
              "/a.conf:1:1: unknown root element <buzon>; expected <busconfig>");
}

TEST(BuzonFiles, HaveLimitsThatDbusDaemonsFilesDontHave) {
    FakeFiles files{{"/main.conf", busconfig("<listen>unix:tmpdir=/tmp</listen>"
                                             "<limit name='stuck_timeout'>1</limit>")}};
    try {
        (void)load_config("/main.conf", {}, files);
        FAIL();
    } catch (const ConfigError& error) {
        EXPECT_THAT(error.text(), HasSubstr("limit stuck_timeout is for files that dbus-daemon "
                                            "never reads"));
    }
}

}  // namespace
}  // namespace buzon::policy
