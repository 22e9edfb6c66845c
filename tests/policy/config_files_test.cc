// SPDX-License-Identifier: Apache-2.0
#include "policy/config_files.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/xml_reader.h"
#include "tests/policy/fake_files.h"

namespace buzon::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::string_view kListen = "<listen>unix:tmpdir=/tmp</listen>";

std::string busconfig(std::string_view elements) {
    return "<busconfig>" + std::string(elements) + "</busconfig>";
}

std::string main_file(std::string_view elements) {
    return busconfig(std::string(kListen) + std::string(elements));
}

Config load(FakeFiles files, const ConfigEnvironment& environment = {}) {
    return load_config("/etc/main.conf", environment, files);
}

std::optional<std::string> error_of(FakeFiles files, const ConfigEnvironment& environment = {}) {
    try {
        (void)load(std::move(files), environment);
        return {};
    } catch (const ConfigError& error) {
        return error.what();
    }
}

/// `own` of each rule, in order: enough to see in which order files were read.
std::vector<std::string> owned_names(const Config& config) {
    std::vector<std::string> names;
    for (const auto& block : config.policies) {
        for (const auto& rule : block.rules)
            names.push_back(*std::get<OwnRule>(rule.match).name);
    }
    return names;
}

std::string own(std::string_view name) {
    return "<policy context='default'><allow own='" + std::string(name) + "'/></policy>";
}

TEST(LoadConfig, KeepsEveryElementsValue) {
    const auto config = config_of(R"(
        <type>session</type> <user>alice</user> <fork/> <keep_umask/> <syslog/>
        <pidfile>/run/pid</pidfile> <allow_anonymous/>
        <listen>tcp:port=1</listen> <auth>EXTERNAL</auth> <auth>ANONYMOUS</auth>
        <servicedir>/a</servicedir> <servicedir>b</servicedir>
        <servicehelper>/helper</servicehelper>
        <limit name="max_message_size">300</limit>
        <selinux><associate own="a.b" context="c_t"/></selinux>
        <apparmor mode="disabled"/>)");
    EXPECT_EQ(config.type->value, "session");
    EXPECT_EQ(config.user->value, "alice");
    EXPECT_TRUE(config.fork && config.keep_umask && config.syslog && config.allow_anonymous);
    EXPECT_EQ(config.pidfile->value, "/run/pid");
    ASSERT_THAT(config.listen, SizeIs(2));
    EXPECT_EQ(config.listen[1].value, "tcp:port=1");
    ASSERT_THAT(config.auth_mechanisms, SizeIs(2));
    EXPECT_EQ(config.auth_mechanisms[1].value, "ANONYMOUS");
    ASSERT_THAT(config.service_directories, SizeIs(2));
    EXPECT_EQ(config.service_directories[0].path, "/a");
    EXPECT_EQ(config.service_directories[1].path, "/b") << "seen from the file's folder";
    EXPECT_EQ(config.service_helper->value, "/helper");
    EXPECT_EQ(config.limits.max_message_size, 300u);
    ASSERT_THAT(config.selinux_associations, SizeIs(1));
    EXPECT_EQ(config.selinux_associations[0].name, "a.b");
    EXPECT_EQ(config.selinux_associations[0].context, "c_t");
    EXPECT_EQ(config.apparmor->value, AppArmorMode::Disabled);
    EXPECT_THAT(config.warnings, IsEmpty());
    EXPECT_THAT(config.unenforced, IsEmpty());
}

TEST(LoadConfig, ItsDefaultsAreThoseOfAnEmptyFile) {
    const auto config = config_of("");
    EXPECT_FALSE(config.type || config.user || config.pidfile || config.service_helper);
    EXPECT_FALSE(config.fork || config.keep_umask || config.syslog || config.allow_anonymous);
    EXPECT_EQ(config.limits, Limits{});
    EXPECT_FALSE(config.apparmor);
}

TEST(LoadConfig, TheLastOfSingleElementsWins) {
    const auto config = config_of(
        "<type>session</type><type>system</type>"
        "<limit name='auth_timeout'>1</limit>"
        "<limit name='auth_timeout'>2</limit>");
    EXPECT_EQ(config.type->value, "system");
    EXPECT_EQ(config.limits.auth_timeout.count(), 2);
}

TEST(LoadConfig, AppArmorWithoutModeIsEnabled) {
    EXPECT_EQ(config_of("<apparmor/>").apparmor->value, AppArmorMode::Enabled);
}

TEST(LoadConfig, KeepsContextsAndSubjectsOfPolicies) {
    const auto config = config_of(R"(
        <policy context="default"/> <policy context="mandatory"/> <policy user="alice"/>
        <policy group="audio"/> <policy at_console="true"/> <policy at_console="false"/>)");
    std::vector<PolicyContext> contexts;
    std::string subjects;
    for (const auto& block : config.policies) {
        contexts.push_back(block.context);
        subjects += block.subject + ",";
    }
    EXPECT_THAT(contexts, ElementsAre(PolicyContext::Default, PolicyContext::Mandatory,
                                      PolicyContext::User, PolicyContext::Group,
                                      PolicyContext::AtConsole, PolicyContext::NotAtConsole));
    EXPECT_EQ(subjects, ",,alice,audio,,,");
}

constexpr struct {
    std::string_view elements, error;
} kRefused[] = {
    {"<bees/>", "element <bees> is not allowed inside <busconfig>"},
    {"<busconfig/>", "element <busconfig> is not allowed"},
    {"<allow own='*'/>", "element <allow> is not allowed inside <busconfig>"},
    {"text", "<busconfig> must not have text inside"},
    {"<type/>", "<type> needs text inside"},
    {"<type><fork/></type>", "element <fork> is not allowed inside <type>"},
    {"<user></user>", "<user> needs text inside"},
    {"<fork>x</fork>", "<fork> must not have text inside"},
    {"<fork a='b'/>", "unknown attribute \"a\" on <fork>; it takes no attributes"},
    {"<listen carefully='yes'>x</listen>", "unknown attribute \"carefully\" on <listen>"},
    {"<auth>BEES</auth>", "unknown mechanism \"BEES\"; expected EXTERNAL, DBUS_COOKIE_SHA1 or"},
    {"<include ignore_missing='true'>x</include>", "ignore_missing=\"true\": expected yes or no"},
    {"<include if_selinux_enabled='moo'>x</include>", "if_selinux_enabled=\"moo\""},
    {"<include selinux_root_relative='jomoma'>x</include>", "selinux_root_relative=\"jomoma\""},
    {"<includedir ignore_missing='yes'>x</includedir>", "unknown attribute \"ignore_missing\""},
    {"<policy/>", "<policy> needs exactly one of context, user, group and at_console"},
    {"<policy user='root' at_console='true'/>", "<policy> needs exactly one of"},
    {"<polcy/>", "<polcy> is not allowed inside <busconfig>; did you mean <policy>?"},
    {"<limit name='max_name_per_connection'>1</limit>", "did you mean max_names_per_connection?"},
    {"<limit name='\xc2\x9b'>1</limit>", "called \"\\u{9b}\""},
    {"<policy hat='top'/>", "unknown attribute \"hat\" on <policy>"},
    {"<policy context='Default'/>", "context=\"Default\": expected default or mandatory"},
    {"<policy at_console='yes'/>", "at_console=\"yes\": expected true or false"},
    {"<policy context='default'>x</policy>", "<policy> must not have text inside"},
    {"<policy context='default'><bees/></policy>", "expected <allow> or <deny>"},
    {"<policy user='root'><allow user='*'/></policy>", "who may connect is said in"},
    {"<policy group='root'><deny group='*'/></policy>", "who may connect is said in"},
    {"<limit/>", "<limit> needs text inside"},
    {"<limit>5</limit>", "<limit> needs a name"},
    {"<limit wildebeest='gnu'>5</limit>", "unknown attribute \"wildebeest\" on <limit>; expected"},
    {"<limit name='max_bees'>5</limit>", "there is no limit called \"max_bees\""},
    {"<limit name='max_message_size'>x</limit>", "\"x\" is not a whole number"},
    {"<limit name='max_message_size'>-1</limit>", "-1 is negative"},
    {"<limit name='auth_timeout'>3123123123</limit>", "3123123123 is too large"},
    {"<selinux><bees/></selinux>", "<bees> is not allowed inside <selinux>"},
    {"<selinux><associate own='a.b'/></selinux>", "<associate> needs both own and context"},
    {"<selinux>x</selinux>", "<selinux> must not have text"},
    {"<apparmor mode='plaintive'/>", "mode=\"plaintive\": expected disabled, enabled or required"},
    {"<apparmor enforcement_style='Judge Dredd'/>", "unknown attribute \"enforcement_style\""},
};

TEST(LoadConfig, RefusesWhatDbusDaemonRefuses) {
    for (const auto& [elements, part] : kRefused) {
        const auto error =
            error_of(FakeFiles{{"/etc/main.conf", main_file("\n" + std::string(elements))}});
        ASSERT_TRUE(error) << elements;
        EXPECT_THAT(*error, HasSubstr(part)) << elements;
        const auto line = elements == "text" ? "/etc/main.conf:1:" : "/etc/main.conf:2:";
        EXPECT_THAT(*error, testing::StartsWith(line)) << elements;
    }
}

TEST(LoadConfig, NeedsAnAddress) {
    EXPECT_THAT(*error_of(FakeFiles{{"/etc/main.conf", "<busconfig/>"}}),
                HasSubstr("no <listen> element"));
    EXPECT_EQ(error_of(FakeFiles{{"/etc/main.conf", busconfig("<include>a</include>")},
                                 {"/etc/a", main_file("")}}),
              std::nullopt)
        << "one in an included file will do";
}

TEST(LoadConfig, NeedsItsRootElement) {
    EXPECT_THAT(*error_of(FakeFiles{{"/etc/main.conf", "<bees/>"}}),
                HasSubstr("unknown root element <bees>; expected <busconfig>"));
}

TEST(LoadConfig, SaysThatTheMainFileCantBeRead) {
    EXPECT_EQ(*error_of(FakeFiles()), "/etc/main.conf: can't be read: No such file or directory");
}

TEST(Include, ReadsAtItsPlace) {
    const auto config = load(FakeFiles{
        {"/etc/main.conf", main_file(own("a.a") + "<include>x/one.conf</include>" + own("e.e"))},
        {"/etc/x/one.conf", busconfig(own("b.b") + "<include>two.conf</include>" + own("d.d"))},
        {"/etc/x/two.conf", busconfig(own("c.c"))},
    });
    EXPECT_THAT(owned_names(config), ElementsAre("a.a", "b.b", "c.c", "d.d", "e.e"));
    EXPECT_THAT(config.files.names(),
                ElementsAre("/etc/main.conf", "/etc/x/one.conf", "/etc/x/two.conf"));
    const auto& rule = config.policies[2].rules[0];
    EXPECT_EQ(config.files.describe(rule.location), "/etc/x/two.conf:1");
}

TEST(Include, MayComeTwice) {
    const auto config = load(FakeFiles{
        {"/etc/main.conf", main_file("<include>a</include><include>a</include>")},
        {"/etc/a", busconfig(own("a.a"))},
    });
    EXPECT_THAT(owned_names(config), ElementsAre("a.a", "a.a"));
    EXPECT_THAT(config.files.names(), SizeIs(2));
}

TEST(Include, MergesByElement) {
    const auto config = load(FakeFiles{
        {"/etc/main.conf",
         main_file("<type>session</type><pidfile>/a</pidfile><servicedir>/s</servicedir>"
                   "<limit name='auth_timeout'>1</limit><limit name='reply_timeout'>1</limit>"
                   "<include>a</include><limit name='reply_timeout'>3</limit>")},
        {"/etc/a",
         busconfig("<type>system</type><user>bob</user><fork/><keep_umask/><syslog/>"
                   "<allow_anonymous/><servicehelper>/h</servicehelper>"
                   "<listen>unix:path=/b</listen><auth>EXTERNAL</auth>"
                   "<servicedir>/s</servicedir><servicedir>/t</servicedir>"
                   "<limit name='auth_timeout'>2</limit><limit name='reply_timeout'>2</limit>"
                   "<apparmor mode='disabled'/>"
                   "<selinux><associate own='a' context='b'/></selinux>")},
    });
    EXPECT_EQ(config.type->value, "system");
    EXPECT_EQ(config.user->value, "bob");
    EXPECT_EQ(config.pidfile->value, "/a");
    EXPECT_TRUE(config.fork && config.keep_umask && config.allow_anonymous);
    EXPECT_FALSE(config.syslog) << "counts in the main file only";
    EXPECT_EQ(config.service_helper->value, "/h");
    EXPECT_THAT(config.listen, SizeIs(2));
    EXPECT_THAT(config.auth_mechanisms, SizeIs(1));
    ASSERT_THAT(config.service_directories, SizeIs(2));
    EXPECT_EQ(config.service_directories[1].path, "/t");
    EXPECT_EQ(config.limits.auth_timeout.count(), 2);
    EXPECT_EQ(config.limits.reply_timeout->count(), 3);
    EXPECT_EQ(config.apparmor->value, AppArmorMode::Disabled);
    EXPECT_THAT(config.selinux_associations, SizeIs(1));
}

TEST(Include, AMissingFileIsAnErrorUnlessIgnored) {
    EXPECT_EQ(*error_of(FakeFiles{{"/etc/main.conf", main_file("\n <include>a</include>")}}),
              "/etc/main.conf:2:2: there is no file /etc/a");
    const auto config =
        load(FakeFiles{{"/etc/main.conf", main_file("<include ignore_missing='yes'>a</include>")}});
    EXPECT_THAT(config.warnings, IsEmpty());
}

TEST(Include, ABrokenFileIsAnErrorEvenIfMissingOnesAreIgnored) {
    const auto error = error_of(FakeFiles{
        {"/etc/main.conf", main_file("<include ignore_missing='yes'>a</include>")},
        {"/etc/a", "<busconfig>"},
    });
    EXPECT_THAT(*error, testing::StartsWith("/etc/a:1:"));
}

TEST(Include, IgnoringMissingFilesLeavesOutOneWhoseOwnIncludeIsMissing) {
    const auto config = load(FakeFiles{
        {"/etc/main.conf", main_file("<include ignore_missing='yes'>a</include>" + own("b.b"))},
        {"/etc/a", busconfig(own("a.a") + "<include>nonesuch</include>")},
    });
    EXPECT_THAT(owned_names(config), ElementsAre("b.b"));
    ASSERT_THAT(config.warnings, SizeIs(1));
    EXPECT_EQ(config.warnings[0].text,
              "/etc/a left out: /etc/a:1:65: there is no file /etc/nonesuch");
}

TEST(Include, CyclesAreErrors) {
    const FakeFiles rings[] = {
        FakeFiles{{"/etc/main.conf", main_file("<include>main.conf</include>")}},
        FakeFiles{{"/etc/main.conf", main_file("<include>./x/../main.conf</include>")}},
        FakeFiles{{"/etc/main.conf", main_file("<include>a</include>")},
                  {"/etc/a", busconfig("<include>main.conf</include>")}},
        FakeFiles{{"/etc/main.conf", main_file("<include>a</include>")},
                  {"/etc/a", busconfig("<include>b</include>")},
                  {"/etc/b", busconfig("<include>a</include>")}},
    };
    for (const auto& ring : rings) {
        const auto error = error_of(ring);
        ASSERT_TRUE(error);
        EXPECT_THAT(*error, HasSubstr("circular inclusion of /etc/"));
    }
}

TEST(Include, DependsOnSelinuxWhereItSaysSo) {
    const FakeFiles files{
        {"/etc/main.conf", main_file("<include if_selinux_enabled='yes'"
                                     " selinux_root_relative='yes'>contexts/x</include>")},
        {"/etc/selinux/own/contexts/x", busconfig(own("a.a"))},
    };
    EXPECT_THAT(owned_names(load(files)), IsEmpty());
    ConfigEnvironment environment;
    environment.selinux_enabled = true;
    environment.selinux_policy_root = "/etc/selinux/own";
    EXPECT_THAT(owned_names(load(files, environment)), ElementsAre("a.a"));
}

TEST(Include, GoesOnlySoDeep) {
    FakeFiles files{{"/etc/main.conf", main_file("<include>0</include>")}};
    for (unsigned i = 0; i < kMaxIncludeDepth - 2; ++i) {
        files.add("/etc/" + std::to_string(i),
                  busconfig("<include>" + std::to_string(i + 1) + "</include>"));
    }
    auto deepest = "/etc/" + std::to_string(kMaxIncludeDepth - 2);
    files.add(deepest, busconfig(""));
    EXPECT_EQ(error_of(files), std::nullopt);
    files.add(deepest, busconfig("<include>/etc/end</include>"));
    files.add("/etc/end", busconfig(""));
    EXPECT_THAT(*error_of(files), HasSubstr("include each other more than 64 deep"));
}

TEST(IncludeDirectory, ReadsConfFilesInTheOrderOfTheirNames) {
    const auto config = load(FakeFiles{
        {"/etc/main.conf", main_file(own("a.a") + "<includedir>d</includedir>" + own("z.z"))},
        {"/etc/d/20.conf", busconfig(own("c.c"))},
        {"/etc/d/10.conf", busconfig(own("b.b"))},
        {"/etc/d/.hidden.conf", busconfig(own("h.h"))},
        {"/etc/d/30.config", "not read"},
        {"/etc/d/40.conf~", "not read"},
        {"/etc/d/sub/50.conf", "not read"},
    });
    EXPECT_THAT(owned_names(config), ElementsAre("a.a", "h.h", "b.b", "c.c", "z.z"));
    EXPECT_THAT(config.watched_directories, ElementsAre("/etc/d"));
}

TEST(IncludeDirectory, MayBeMissingAndIsWatchedAnyway) {
    const auto config =
        load(FakeFiles{{"/etc/main.conf", main_file("<includedir>/nonesuch</includedir>")}});
    EXPECT_THAT(config.warnings, IsEmpty());
    EXPECT_THAT(config.watched_directories, ElementsAre("/nonesuch"));
}

TEST(IncludeDirectory, LeavesOutABrokenFileWholeAndSaysSo) {
    const auto config = load(FakeFiles{
        {"/etc/main.conf", main_file("\n<limit name='auth_timeout'>1</limit>"
                                     "\n<includedir>d</includedir>")},
        {"/etc/d/1.conf", busconfig("<limit name='auth_timeout'>2</limit>" + own("a.a") +
                                    "<user>mallory</user><servicedir>/x</servicedir><bees/>")},
        {"/etc/d/2.conf", busconfig(own("b.b"))},
        {"/etc/d/3.conf", busconfig(own("c.c") + "<include>2.conf</include><include>no</include>")},
    });
    EXPECT_THAT(owned_names(config), ElementsAre("b.b"));
    EXPECT_EQ(config.limits.auth_timeout.count(), 1);
    EXPECT_FALSE(config.user);
    EXPECT_THAT(config.service_directories, IsEmpty());
    ASSERT_THAT(config.warnings, SizeIs(2));
    EXPECT_THAT(config.warnings[0].text, testing::StartsWith("/etc/d/1.conf left out: "));
    EXPECT_THAT(config.warnings[0].text, HasSubstr("/etc/d/1.conf:1:"));
    EXPECT_EQ(config.files.describe(config.warnings[0].location), "/etc/main.conf:3");
    EXPECT_THAT(config.warnings[1].text, testing::StartsWith("/etc/d/3.conf left out: "));
}

TEST(IncludeDirectory, ThatHoldsTheIncludingFileLeavesItOut) {
    const auto config = load(FakeFiles{
        {"/etc/main.conf", main_file("<includedir>.</includedir>")},
        {"/etc/other.conf", busconfig(own("a.a"))},
    });
    EXPECT_THAT(owned_names(config), ElementsAre("a.a"));
    EXPECT_THAT(config.listen, SizeIs(1));
    ASSERT_THAT(config.warnings, SizeIs(1));
    EXPECT_THAT(config.warnings[0].text, HasSubstr("circular inclusion"));
}

TEST(IncludeDirectory, ThatFilesInItIncludeAgainEndsSoon) {
    FakeFiles files{{"/etc/main.conf", main_file("<includedir>d</includedir>")}};
    for (int i = 0; i < 12; ++i) {
        files.add("/etc/d/" + std::to_string(i) + ".conf", busconfig("<includedir>.</includedir>"));
    }
    EXPECT_THAT(*error_of(files), HasSubstr("includes more than 4096 files"));
}

TEST(LoadConfig, BoundsTheSumOfAllFiles) {
    FakeFiles files{{"/etc/main.conf", main_file("<includedir>d</includedir>")}};
    for (int i = 0; i < 3; ++i) {
        files.add("/etc/d/" + std::to_string(i) + ".conf",
                  "<busconfig>" + std::string(kMaxXmlBytes - 100, ' ') + "</busconfig>");
    }
    EXPECT_THAT(*error_of(files), HasSubstr("exceeds 33554432 bytes"));
}

TEST(LoadConfig, TakesAHundredThousandRules) {
    std::string rules;
    for (int i = 0; i < 100'000; ++i)
        rules += "<allow own='a.b" + std::to_string(i) + "'/>\n";
    const auto config = config_of("<policy context='default'>" + rules + "</policy>");
    ASSERT_THAT(config.policies, SizeIs(1));
    ASSERT_THAT(config.policies[0].rules, SizeIs(100'000));
    EXPECT_EQ(config.policies[0].rules.back().location.line, 100'000u);
}

TEST(Unenforced, NamesWhatTheFileInsistsOnAndThisMachineCouldDo) {
    ConfigEnvironment environment;
    environment.selinux_enabled = true;
    environment.apparmor_mediates = true;
    const auto config = load(FakeFiles{{"/etc/main.conf", main_file(R"(
        <apparmor mode="enabled"/>
        <selinux><associate own="a.b" context="c_t"/></selinux>
        <policy at_console="true"><allow own="a.b"/><deny own="a.c"/></policy>
        <policy at_console="false"><deny own="a.b"/><allow own="a.c"/></policy>)")}},
                             environment);
    std::vector<std::string> found;
    for (const auto& [location, text] : config.unenforced) {
        found.push_back(config.files.describe(location) + " " + text);
    }
    EXPECT_THAT(
        found, ElementsAre("/etc/main.conf:2 AppArmor mediation of D-Bus",
                           "/etc/main.conf:3 the SELinux context of the name a.b",
                           "/etc/main.conf:4 whether a user is at the console: <deny own=\"a.c\"/>",
                           "/etc/main.conf:5 whether a user is at the console: "
                           "<allow own=\"a.c\"/>"));
}

TEST(Unenforced, IsNothingOnAMachineWithoutSecurityModules) {
    EXPECT_THAT(config_of("<apparmor mode='enabled'/>"
                          "<selinux><associate own='a.b' context='c_t'/></selinux>")
                    .unenforced,
                IsEmpty());
}

TEST(Unenforced, RequiredAppArmorThatIsNotThereIsAnError) {
    const FakeFiles files{{"/etc/main.conf", main_file("\n<apparmor mode='required'/>")}};
    EXPECT_THAT(*error_of(files), testing::StartsWith("/etc/main.conf:2:1: AppArmor"));
    ConfigEnvironment environment;
    environment.apparmor_mediates = true;
    EXPECT_THAT(load(files, environment).unenforced, SizeIs(1));
    EXPECT_EQ(error_of(FakeFiles{{"/etc/main.conf", main_file("<apparmor mode='required'/>"
                                                              "<apparmor mode='disabled'/>")}}),
              std::nullopt)
        << "the last one counts";
}

}  // namespace
}  // namespace buzon::policy
