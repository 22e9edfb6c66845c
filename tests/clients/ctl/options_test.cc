// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/options.h"

#include <gtest/gtest.h>

#include "clients/ctl/command.h"
#include "clients/ctl/value_parser.h"

namespace buzon::clients {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

Options parse(const Words& words) {
    return parse_command_line(words).value();
}

TEST(ParseCommandLine, ListsTheSystemBusByDefault) {
    const Options options = parse({});
    EXPECT_EQ(options.verb, "list");
    EXPECT_TRUE(options.arguments.empty());
    EXPECT_EQ(options.bus.scope, BusScope::System);
    EXPECT_EQ(options.json, JsonMode::Off);
}

TEST(ParseCommandLine, TakesOptionsBeforeAndBehindTheVerb) {
    const Options options =
        parse({"--user", "call", "a.b", "-q", "/", "--json", "short", "c.d", "M", "--timeout=2s"});
    EXPECT_EQ(options.verb, "call");
    EXPECT_EQ(options.arguments, (Words{"a.b", "/", "c.d", "M"}));
    EXPECT_EQ(options.bus.scope, BusScope::User);
    EXPECT_EQ(options.json, JsonMode::Short);
    EXPECT_EQ(options.bus.timeout, 2s);
    EXPECT_TRUE(options.quiet);
}

TEST(ParseCommandLine, LeavesArgumentsAsTheyAre) {
    const Words words{"call", "[a,b]", "", "-1", "{}", "list", "a b", "%%", "-", "é"};
    const Options options = parse(words);
    EXPECT_EQ(options.verb, "call");
    EXPECT_EQ(options.arguments, Words(words.begin() + 1, words.end()));
}

TEST(ParseCommandLine, TakesEverythingBehindTwoDashes) {
    const Options options = parse({"emit", "--", "--json=short", "-x", "--", "--user"});
    EXPECT_EQ(options.arguments, (Words{"--json=short", "-x", "--", "--user"}));
    EXPECT_EQ(options.json, JsonMode::Off);
    EXPECT_EQ(options.bus.scope, BusScope::System);
}

TEST(ParseCommandLine, TheLastOfTwoCounts) {
    EXPECT_EQ(parse({"--json=short", "--json=pretty"}).json, JsonMode::Pretty);
    const Options options = parse({"--address=unix:path=/a", "--address=unix:path=/b"});
    EXPECT_EQ(options.bus.scope, BusScope::Address);
    EXPECT_EQ(options.bus.address, "unix:path=/b");
}

TEST(ParseCommandLine, CollectsMatches) {
    const Options options =
        parse({"monitor", "--match=type='signal'", "--match", "member='[A,B]'", "org.example.A"});
    EXPECT_EQ(options.matches, (Words{"type='signal'", "member='[A,B]'"}));
    EXPECT_EQ(options.arguments, Words{"org.example.A"});
}

TEST(ParseCommandLine, JsonWithoutAModeIsShort) {
    EXPECT_EQ(parse({"list", "--json"}).json, JsonMode::Short);
    const Options options = parse({"--json", "policy", "check", "short"});
    EXPECT_EQ(options.json, JsonMode::Short);
    EXPECT_EQ(options.verb, "policy");
    EXPECT_EQ(options.arguments, (Words{"check", "short"}));
    EXPECT_EQ(parse({"--json", "pretty", "list"}).json, JsonMode::Pretty);
    EXPECT_EQ(parse({"--json", "--json=off"}).json, JsonMode::Off);
    EXPECT_EQ(parse({"--", "emit", "--json"}).json, JsonMode::Off);
}

TEST(ParseCommandLine, ReadsFlagsAndBooleans) {
    const Options options = parse({"--no-legend", "-l", "--expect-reply=no", "--auto-start", "off",
                                   "--allow-interactive-authorization=false", "--verbose",
                                   "--no-pager", "--augment-creds=0", "--watch-bind=1"});
    EXPECT_FALSE(options.legend);
    EXPECT_TRUE(options.full);
    EXPECT_FALSE(options.expect_reply);
    EXPECT_FALSE(options.bus.auto_start);
    EXPECT_FALSE(options.allow_interactive_authorization);
    EXPECT_TRUE(options.verbose);
    EXPECT_FALSE(options.augment_credentials);
    EXPECT_TRUE(options.bus.watch_bind);
}

TEST(ParseCommandLine, RefusesWhatItDoesNotKnow) {
    for (const Words& words :
         {Words{"--foo"}, Words{"list", "-x"}, Words{"--json=xml"}, Words{"--timeout=soon"},
          Words{"--expect-reply=maybe"}, Words{"--address"}, Words{"call", "-1x", "-a"}})
        EXPECT_THROW((void)parse_command_line(words), UsageError) << words.front();
}

TEST(FindCommand, ChecksTheNumberOfArguments) {
    EXPECT_EQ(find_command(parse({})).verb, "list");
    EXPECT_EQ(find_command(parse({"call", "a.b", "/", "c.d", "M", "s", "x"})).verb, "call");
    EXPECT_THROW((void)find_command(parse({"call", "a.b", "/", "c.d"})), UsageError);
    EXPECT_THROW((void)find_command(parse({"list", "x"})), UsageError);
    EXPECT_THROW((void)find_command(parse({"dance"})), UsageError);
}

TEST(HelpText, NamesEveryVerb) {
    for (const Command& command : commands())
        EXPECT_NE(help_text().find("\n  " + std::string(command.verb)), std::string::npos)
            << command.verb;
}

TEST(AddressOf, PrefersWhatTheCommandLineSays) {
    setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/session", 1);
    setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/system", 1);
    EXPECT_EQ(address_of({.scope = BusScope::User}), "unix:path=/session");
    EXPECT_EQ(address_of({.scope = BusScope::System}), "unix:path=/system");
    EXPECT_EQ(address_of({.scope = BusScope::Address, .address = "unix:path=/x"}), "unix:path=/x");

    unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
    EXPECT_EQ(address_of({.scope = BusScope::System}), "unix:path=/run/dbus/system_bus_socket");
    unsetenv("DBUS_SESSION_BUS_ADDRESS");
    setenv("XDG_RUNTIME_DIR", "/run/user/1 2", 1);
    EXPECT_EQ(address_of({.scope = BusScope::User}), "unix:path=/run/user/1%202/bus");
    unsetenv("XDG_RUNTIME_DIR");
    EXPECT_THROW((void)address_of({.scope = BusScope::User}), UsageError);
}

}  // namespace
}  // namespace buzon::clients
