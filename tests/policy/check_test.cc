// SPDX-License-Identifier: Apache-2.0
// Each rule of these policies stands on a line of its own; expectations name the lines.
#include "policy/check.h"

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "policy/name_list.h"
#include "policy/policy_set.h"
#include "policy/rule_cover.h"
#include "policy/rule_match.h"
#include "tests/policy/fake_files.h"
#include "tests/policy/fake_users.h"
#include "tests/policy/random_policies.h"

namespace buzon::policy {
namespace {

std::vector<Finding> findings_of(const std::string& elements, const ServiceNames& services = {}) {
    FakeUsers users;
    return check(config_of(elements), users, services);
}

/// `2:unreachable-rule 3:duplicate-rule(note)`
std::string summary(const std::vector<Finding>& findings) {
    std::string text;
    for (const Finding& finding : findings) {
        if (!text.empty()) text += ' ';
        text += fmt::format("{}:{}", finding.location.line, finding.kind);
        if (finding.severity != Severity::Warning) {
            text += fmt::format("({})", to_text(finding.severity));
        }
    }
    return text;
}

struct Case {
    std::string_view about, rules, expected;
};

constexpr Case kRuleCases[] = {
    {"nothing to find",
     "\n<allow own='a.b'/>\n<allow send_destination='a.b' send_interface='a.I'/>"
     "\n<deny receive_sender='a.c' receive_path='/x'/>",
     ""},
    {"owning anything", "\n<allow own='*'/>", "2:allow-own-any"},
    {"owning whatever is below one element", "\n<allow own_prefix='org'/>", "2:allow-own-any"},
    {"denying to own anything", "\n<deny own='*'/>", ""},
    {"a call to whoever has the interface", "\n<allow send_interface='a.I'/>",
     "2:send-without-destination"},
    {"denied to whoever has the interface", "\n<deny send_interface='a.I'/>",
     "2:send-without-destination"},
    {"a path of whoever", "\n<allow send_path='/a'/>", "2:send-without-destination"},
    {"a signal has no destination", "\n<allow send_type='signal' send_interface='a.I'/>", ""},
    {"calls to everybody", "\n<allow send_type='method_call'/>", "2:allow-send-any"},
    {"anything to everybody", "\n<allow send_destination='*'/>", "2:allow-send-any"},
    {"no calls to anybody", "\n<deny send_type='method_call'/>", ""},
    {"returns to everybody", "\n<allow send_type='method_return'/>", ""},
    {"an interface of one element", "\n<allow send_destination='a.b' send_interface='I'/>",
     "2:never-matches"},
    {"a pattern as interface", "\n<allow send_destination='a.b' send_interface='a.*'/>",
     "2:never-matches"},
    {"a path that is none", "\n<deny receive_path='/a/'/>", "2:never-matches"},
    {"a member that is none",
     "\n<allow send_destination='a.b' send_interface='a.I' send_member='M.N'/>", "2:never-matches"},
    {"an error that is none", "\n<deny send_type='error' send_error='x'/>", "2:never-matches"},
    {"a destination that is none", "\n<deny send_destination='a'/>", "2:never-matches"},
    {"a pattern as destination", "\n<deny send_destination='a.b.*'/>", "2:never-matches"},
    {"a sender that is none", "\n<deny receive_sender=''/>", "2:never-matches"},
    {"a prefix with a dot at its end", "\n<deny send_destination_prefix='a.b.'/>",
     "2:never-matches"},
    {"a prefix of one element is one", "\n<deny send_destination_prefix='a'/>", ""},
    {"a unique name", "\n<deny send_destination=':1.0'/>", "2:unique-name"},
    {"owning a unique name", "\n<allow own=':1.0'/>", "2:never-matches"},
    {"owning the driver's name", "\n<allow own='org.freedesktop.DBus'/>", "2:never-matches"},
    {"owning what is no name", "\n<allow own='a..b'/>", "2:never-matches"},
    {"more descriptors at least than at most",
     "\n<deny send_destination='a.b' min_fds='2' max_fds='1'/>", "2:never-matches"},
    {"a broadcast that is no signal", "\n<deny send_type='error' send_broadcast='true'/>",
     "2:never-matches"},
    {"no broadcast, which it can't be", "\n<deny send_type='error' send_broadcast='false'/>",
     "2:pointless-condition(note)"},
    {"an error name without the type", "\n<deny send_error='a.E'/>", "2:matches-without-field"},
    {"an error name with the type", "\n<deny send_error='a.E' send_type='error'/>", ""},
    {"an interface of a return", "\n<allow send_type='method_return' send_interface='a.I'/>",
     "2:never-matches"},
    {"an interface of a return, denied",
     "\n<deny receive_type='method_return' receive_interface='a.I'/>", "2:matches-without-field"},
    {"a path of an error", "\n<deny receive_type='error' receive_path='/a'/>",
     "2:matches-without-field"},
    {"a call that answers", "\n<deny send_type='method_call' send_requested_reply='true'/>",
     "2:pointless-condition(note)"},
    {"eavesdropping on what is denied", "\n<deny send_destination='a.b' eavesdrop='true'/>",
     "2:pointless-condition(note)"},
};

TEST(Check, FindsWhatOneRuleSays) {
    for (const auto& [about, rules, expected] : kRuleCases) {
        const auto found =
            findings_of("<policy context='default'>" + std::string(rules) + "</policy>");
        EXPECT_EQ(summary(found), expected) << about;
    }
}

TEST(Check, LetsASessionBusBeOpen) {
    EXPECT_EQ(summary(findings_of("<type>session</type><policy context='default'>"
                                  "\n<allow send_destination='*' eavesdrop='true'/>"
                                  "\n<allow eavesdrop='true'/>\n<allow own='*'/></policy>")),
              "");
}

TEST(Check, LetsRootDoWhatRootMayDoAnyway) {
    EXPECT_EQ(summary(findings_of("<policy user='root'>\n<allow send_interface='a.I'/>"
                                  "\n<allow own='*'/></policy>")),
              "");
}

constexpr Case kReachCases[] = {
    {"a later rule wins",
     "<policy context='default'>\n<allow own='a.b'/>\n<deny own='a.b'/></policy>",
     "2:unreachable-rule"},
    {"a prefix covers",
     "<policy context='default'>\n<deny own='a.b.c'/>\n<allow own_prefix='a.b'/></policy>",
     "2:unreachable-rule"},
    {"a prefix that is no element's end does not",
     "<policy context='default'>\n<deny own='a.bc'/>\n<allow own_prefix='a.b'/></policy>", ""},
    {"the same again",
     "<policy context='default'>\n<allow own='a.b'/>\n<allow own='a.b'/></policy>",
     "2:duplicate-rule(note)"},
    {"less than what comes later",
     "<policy context='default'>\n<allow send_destination='a.b' send_interface='a.I'/>"
     "\n<allow send_destination='a.b'/></policy>",
     "2:redundant-rule(note)"},
    {"more than what comes later",
     "<policy context='default'>\n<allow send_destination='a.b'/>"
     "\n<allow send_destination='a.b' send_interface='a.I'/></policy>",
     ""},
    {"overridden apart from replies that nobody asked for",
     "<policy context='default'>\n<deny send_destination='a.b'/>"
     "\n<allow send_destination='a.b'/></policy>",
     "2:unreachable-rule"},
    {"a denied interface also means messages without",
     "<policy context='default'>\n<deny send_destination='a.b' send_interface='a.I'/>"
     "\n<allow send_destination='a.b' send_interface='a.I'/></policy>",
     ""},
    {"mandatory comes after all",
     "<policy context='mandatory'>\n<deny own='a.b'/></policy>"
     "<policy user='alice'>\n<allow own='a.b'/></policy>",
     "3:unreachable-rule"},
    {"a user's rules are not everybody's",
     "<policy user='alice'>\n<deny own='a.b'/></policy>"
     "<policy context='default'>\n<allow own='a.b'/></policy>",
     ""},
    {"two blocks of one user, by name and by number",
     "<policy user='1000'>\n<deny own='a.b'/></policy>"
     "<policy user='alice'>\n<allow own='a.b'/></policy>",
     "2:unreachable-rule"},
    {"two groups are two",
     "<policy group='audio'>\n<deny own='a.b'/></policy>"
     "<policy group='video'>\n<allow own='a.b'/></policy>",
     ""},
    {"everything made void by a broadcast",
     "<policy context='default'>\n<deny send_destination='a.b'/>"
     "\n<allow send_broadcast='true'/></policy>",
     "2:unreachable-rule 3:voids-earlier-rules"},
    {"a user's rule makes the default void, which others keep",
     "<policy context='default'>\n<deny send_destination='a.b'/></policy>"
     "<policy user='alice'>\n<allow send_broadcast='true'/></policy>",
     "3:voids-earlier-rules"},
    {"denied eavesdropping makes other receive rules void",
     "<policy context='default'>\n<allow receive_type='signal'/>\n<deny "
     "eavesdrop='true'/></policy>",
     "2:unreachable-rule 3:voids-earlier-rules"},
    {"a broad rule with nothing before it",
     "<policy context='default'>\n<allow send_broadcast='true'/>\n<allow own='a.b'/></policy>", ""},
    {"overridden for each type of message",
     "<policy context='default'>\n<deny send_destination='a.b'/>"
     "\n<allow send_destination='a.b' send_type='method_call'/>"
     "\n<allow send_destination='a.b' send_type='method_return' send_requested_reply='false'/>"
     "\n<allow send_destination='a.b' send_type='error' send_requested_reply='false'/>"
     "\n<allow send_destination='a.b' send_type='signal'/></policy>",
     "2:unreachable-rule"},
    {"but for one type",
     "<policy context='default'>\n<deny send_destination='a.b'/>"
     "\n<allow send_destination='a.b' send_type='method_call'/>"
     "\n<allow send_destination='a.b' send_type='method_return' send_requested_reply='false'/>"
     "\n<allow send_destination='a.b' send_type='signal'/></policy>",
     ""},
    {"received, each type again",
     "<policy context='default'>\n<deny receive_sender='a.b'/>"
     "\n<deny receive_sender='a.b' receive_type='method_call'/>"
     "\n<deny receive_type='method_return'/>\n<deny receive_type='error'/></policy>"
     "<policy context='mandatory'>\n<deny receive_sender='a.b' receive_type='signal'/></policy>",
     "2:redundant-rule(note)"},
    {"signals to everybody and to somebody",
     "<policy context='default'>\n<allow send_type='signal' send_interface='a.I'/>"
     "\n<deny send_broadcast='true' send_interface='a.I'/>"
     "\n<allow send_broadcast='false' send_type='signal'/></policy>",
     "2:unreachable-rule"},
    {"connecting", "<policy context='default'>\n<deny user='alice'/>\n<allow user='*'/></policy>",
     "2:unreachable-rule"},
};

TEST(Check, FindsWhatRulesDoToEachOther) {
    for (const auto& [about, policies, expected] : kReachCases) {
        EXPECT_EQ(summary(findings_of(std::string(policies))), expected) << about;
    }
}

constexpr Case kWholeCases[] = {
    {"an unknown user", "\n<policy user='bob'></policy>", "2:unknown-user"},
    {"an unknown group", "\n<policy group='bob'></policy>", "2:unknown-group"},
    {"an unknown user who may connect", "<policy context='default'>\n<allow user='bob'/></policy>",
     "2:unknown-user"},
    {"nobody is at the console", "\n<policy at_console='true'>\n<allow own='a.b'/></policy>",
     "2:at-console"},
    {"what can't be enforced", "\n<policy at_console='true'>\n<deny own='a.b'/></policy>",
     "2:at-console 3:not-enforced(error)"},
};

TEST(Check, FindsWhatTheConfigurationSays) {
    for (const auto& [about, elements, expected] : kWholeCases) {
        EXPECT_EQ(summary(findings_of(std::string(elements))), expected) << about;
    }
}

TEST(Check, FileThatIsLeftOutIsAnError) {
    FakeFiles files{{"/main.conf",
                     "<busconfig><listen>unix:tmpdir=/tmp</listen>\n<includedir>d</includedir>"
                     "</busconfig>"},
                    {"/d/broken.conf", "<busconfig><policy/></busconfig>"}};
    FakeUsers users;
    const auto found = check(load_config("/main.conf", {}, files), users, {});
    EXPECT_EQ(summary(found), "2:left-out(error)");
}

TEST(Check, NotesNamesThatNoServiceFileKnowsOnceAFile) {
    const ServiceNames services({"a.b", "a.d.e"});
    EXPECT_EQ(summary(findings_of("<policy context='default'>\n<allow own='a.b'/>"
                                  "\n<allow own='a.c'/>\n<deny send_destination='a.c'/>"
                                  "\n<deny send_destination_prefix='a.d'/>"
                                  "\n<deny send_destination='org.freedesktop.DBus'/>"
                                  "\n<deny receive_sender='a.f'/></policy>",
                                  services)),
              "3:unknown-service(note) 7:unknown-service(note)");
}

TEST(ServiceNames, AreInTheFilesOfTheServiceDirectories) {
    FakeFiles files{{"/s/one.service", "# x\n[D-BUS Service]\n Name = a.b \nExec=/bin/true\n"},
                    {"/s/two.service", "[Other]\nName=a.c\n"},
                    {"/s/three.txt", "[D-BUS Service]\nName=a.d\n"}};
    const auto names = read_service_names(config_of("<servicedir>/s</servicedir>"), files);
    EXPECT_TRUE(names.contains("a.b"));
    EXPECT_FALSE(names.contains("a.c"));
    EXPECT_FALSE(names.contains("a.d"));
    EXPECT_TRUE(names.contains_below("a"));
    EXPECT_FALSE(names.contains_below("a.b.c"));
}

/// The policies without the rules that never decide, by what check() says.
Config without_unreachable(Config config, std::size_t& removed) {
    FakeUsers users;
    std::set<std::uint32_t> lines;
    for (const Finding& finding : check(config, users, {})) {
        const bool never = finding.kind == "duplicate-rule" || finding.kind == "redundant-rule" ||
                           (finding.kind == "unreachable-rule" &&
                            finding.text.find("at most") == std::string::npos);
        if (never) lines.insert(finding.location.line);
    }
    for (PolicyBlock& block : config.policies) {
        removed += std::erase_if(
            block.rules, [&](const Rule& rule) { return lines.contains(rule.location.line); });
    }
    return config;
}

TEST(Check, RulesThatNeverDecideCanBeTakenOut) {
    std::size_t removed = 0;
    for (unsigned seed = 0; seed < 1500; ++seed) {
        Dice dice(seed);
        const std::string text = random_policies(dice);
        const Config config = config_of(text);
        FakeUsers users;
        std::vector<Warning> warnings;
        const auto all = PolicySet::create(config, users, warnings);
        const auto fewer = PolicySet::create(without_unreachable(config, removed), users, warnings);
        const gid_t gids[] = {29, 44};
        const PeerIdentity peer{.uid = dice.roll(2) * 1000, .gids = gids};
        const auto before = all->snapshot_for(peer);
        const auto after = fewer->snapshot_for(peer);
        for (int i = 0; i < 30; ++i) {
            auto message = random_message(dice);
            const bool answers = message.type == bus::MessageType::MethodReturn ||
                                 message.type == bus::MessageType::Error;
            message.is_reply = message.is_reply && answers;
            const NameList party({":1.0", std::string(dice.pick({"a.b", "a.c", "x.y"}))});
            const SendQuery send{message, dice.roll(3) == 0 ? nullptr : &party, dice.roll(2) == 0};
            EXPECT_EQ(before->may_send(send).allowed, after->may_send(send).allowed) << text;
            const ReceiveQuery receive{message, &party, dice.roll(2) == 0, dice.roll(2) == 0};
            EXPECT_EQ(before->may_receive(receive).allowed, after->may_receive(receive).allowed)
                << text;
            const auto own = dice.pick({"a.b", "a.b.c", "a", "x.y"});
            EXPECT_EQ(before->may_own(own).allowed, after->may_own(own).allowed) << text;
            if (HasFailure()) return;
        }
    }
    EXPECT_GT(removed, 1000U);
}

/// Rules about one service, each about one type of message or about signals to everybody.
std::string divided_rules(Dice& dice) {
    std::string text = "<policy context='default'>";
    for (unsigned rules = 12; rules > 0; --rules) {
        text += fmt::format("\n<{} send_destination_prefix='a'", dice.pick({"allow", "deny"}));
        if (dice.roll(6) != 0) {
            text += fmt::format(" send_type='{}'", dice.pick({"method_call", "method_return",
                                                              "error", "signal", "signal"}));
        }
        if (dice.roll(4) == 0) {
            text += fmt::format(" send_broadcast='{}'", dice.pick({"true", "false"}));
        }
        text += fmt::format(" send_requested_reply='{}'/>", dice.pick({"true", "false"}));
    }
    return text + "</policy>";
}

TEST(Check, RulesThatOthersDivideAmongThemselvesCanBeTakenOut) {
    std::size_t removed = 0;
    std::size_t together = 0;
    for (unsigned seed = 0; seed < 1000; ++seed) {
        Dice dice(seed);
        const std::string text = divided_rules(dice);
        const Config config = config_of(text);
        FakeUsers users;
        std::vector<Warning> warnings;
        const auto all = PolicySet::create(config, users, warnings);
        const auto fewer = PolicySet::create(without_unreachable(config, removed), users, warnings);
        for (const Finding& finding : check(config, users, {}))
            together += finding.text.find("together") != std::string::npos ? 1 : 0;
        const auto before = all->snapshot_for({.uid = 1});
        const auto after = fewer->snapshot_for({.uid = 1});
        const NameList party({"a.b"});
        for (int i = 0; i < 30; ++i) {
            auto message = random_message(dice);
            message.is_reply = message.type == bus::MessageType::MethodReturn ||
                               message.type == bus::MessageType::Error;
            const SendQuery send{message, &party, dice.roll(2) == 0};
            ASSERT_EQ(before->may_send(send).allowed, after->may_send(send).allowed) << text;
        }
    }
    EXPECT_GT(together, 100U);
}

TEST(Check, GetsThroughAHundredThousandRules) {
    // Comparing each with each would take hours in a build without optimization.
    std::string text = "<policy context='default'>";
    for (int i = 0; i < 50'000; ++i) {
        text += fmt::format(
            "<allow send_destination='a.b.c.d{}' send_interface='a.I' max_fds='{}'/>", i % 2, i);
        text += fmt::format("<deny send_destination='a.b.c.d' send_path='/{}'/>", i);
    }
    EXPECT_GT(findings_of(text + "</policy>").size(), 10'000U);
}

}  // namespace
}  // namespace buzon::policy
