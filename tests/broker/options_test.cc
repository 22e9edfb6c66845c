// SPDX-License-Identifier: Apache-2.0
#include "broker/options.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

namespace buzon::broker {
namespace {

std::vector<std::string> split(const std::string& text) {
    std::istringstream words(text);
    return {std::istream_iterator<std::string>(words), {}};
}

Options with(void (*change)(Options&)) {
    Options options;
    options.config_file = "C";
    change(options);
    return options;
}

TEST(ParseCommandLine, FillsOptions) {
    const struct {
        const char* words;
        Options expected;
    } kCases[] = {
        {"--config-file=C", with([](Options&) {})},
        {"--config-file C", with([](Options&) {})},
        {"--config-file -x", with([](Options& o) { o.config_file = "-x"; })},
        {"--session", with([](Options& o) { o.config_file = "/usr/share/dbus-1/session.conf"; })},
        {"--system", with([](Options& o) { o.config_file = "/usr/share/dbus-1/system.conf"; })},
        {"--config-file= --config-file=C", with([](Options&) {})},
        {"--config-file=C --mailbox-config=M --mailbox-config N", with([](Options& o) {
             o.mailbox_configs = {"M", "N"};
         })},
        {"--config-file=C --address=A", with([](Options& o) { o.address = "A"; })},
        {"--config-file=C --address A", with([](Options& o) { o.address = "A"; })},
        {"--config-file=C --address -z", with([](Options& o) { o.address = "-z"; })},
        {"--config-file=C --address=", with([](Options&) {})},
        {"--config-file=C --address= --address=A", with([](Options& o) { o.address = "A"; })},
        {"--config-file=C --print-address", with([](Options& o) { o.print_address_fd = 1; })},
        {"--config-file=C --print-address=", with([](Options& o) { o.print_address_fd = 1; })},
        {"--config-file=C --print-address=7", with([](Options& o) { o.print_address_fd = 7; })},
        {"--config-file=C --print-address 7", with([](Options& o) { o.print_address_fd = 7; })},
        {"--config-file=C --print-address=+1", with([](Options& o) { o.print_address_fd = 1; })},
        {"--config-file=C --print-address=0x10", with([](Options& o) { o.print_address_fd = 16; })},
        {"--config-file=C --print-address=010", with([](Options& o) { o.print_address_fd = 8; })},
        {"--config-file=C --print-pid", with([](Options& o) { o.print_pid_fd = 1; })},
        {"--config-file=C --print-pid 5 --print-address 6", with([](Options& o) {
             o.print_pid_fd = 5;
             o.print_address_fd = 6;
         })},
        {"--print-address --config-file=C", with([](Options& o) { o.print_address_fd = 1; })},
        {"--config-file=C --fork", with([](Options& o) { o.fork = ForkChoice::Always; })},
        {"--config-file=C --fork --nofork", with([](Options& o) { o.fork = ForkChoice::Never; })},
        {"--config-file=C --nofork --fork", with([](Options& o) { o.fork = ForkChoice::Always; })},
        {"--config-file=C --nopidfile", with([](Options& o) { o.pidfile = PidfileChoice::Never; })},
        {"--config-file=C --syslog", with([](Options& o) { o.syslog = SyslogChoice::Also; })},
        {"--config-file=C --syslog-only", with([](Options& o) { o.syslog = SyslogChoice::Only; })},
        {"--config-file=C --nosyslog", with([](Options& o) { o.syslog = SyslogChoice::Never; })},
        {"--config-file=C --syslog --nosyslog",
         with([](Options& o) { o.syslog = SyslogChoice::Never; })},
        {"--config-file=C --nosyslog --syslog",
         with([](Options& o) { o.syslog = SyslogChoice::Also; })},
        {"--config-file=C --syslog-only --syslog",
         with([](Options& o) { o.syslog = SyslogChoice::Only; })},
        {"--config-file=C --syslog-only --nosyslog",
         with([](Options& o) { o.syslog = SyslogChoice::Never; })},
        {"--config-file=C --systemd-activation",
         with([](Options& o) { o.systemd_activation = true; })},
        {"--config-file=C --unsafe-partial-policy",
         with([](Options& o) { o.unsafe_partial_policy = true; })},
        {"--config-file=C --metrics-address=unix:path=/m",
         with([](Options& o) { o.metrics_address = "unix:path=/m"; })},
        {"--config-file=C --metrics-address unix:path=/m;unix:abstract=m",
         with([](Options& o) { o.metrics_address = "unix:path=/m;unix:abstract=m"; })},
        {"--config-file=C --permissive", with([](Options& o) { o.permissive.whole_bus = true; })},
        {"--permissive --config-file=C --permissive=a.b --permissive=a.c", with([](Options& o) {
             o.permissive = {true, {"a.b", "a.c"}};
         })},
    };
    for (const auto& [words, expected] : kCases) {
        EXPECT_EQ(parse_command_line(split(words)), (CommandLine{Command::Run, expected})) << words;
    }
}

TEST(ParseCommandLine, TakesTheFormsOfThoseWhoStartABus) {
    const struct {
        const char *about, *words;
        Options expected;
    } kCases[] = {
        {"dbus-run-session", "--nofork --print-address 4 --session", with([](Options& o) {
             o.config_file = kSessionConfigFile;
             o.fork = ForkChoice::Never;
             o.print_address_fd = 4;
         })},
        {"dbus-launch", "--fork --print-pid 5 --print-address 7 --session", with([](Options& o) {
             o.config_file = kSessionConfigFile;
             o.fork = ForkChoice::Always;
             o.print_pid_fd = 5;
             o.print_address_fd = 7;
         })},
        {"systemd, session bus",
         "--session --address=systemd: --nofork --nopidfile --systemd-activation --syslog-only",
         with([](Options& o) {
             o.config_file = kSessionConfigFile;
             o.address = "systemd:";
             o.fork = ForkChoice::Never;
             o.pidfile = PidfileChoice::Never;
             o.systemd_activation = true;
             o.syslog = SyslogChoice::Only;
         })},
        {"GTestDBus", "--print-address=1 --config-file=C",
         with([](Options& o) { o.print_address_fd = 1; })},
        {"python-dbusmock", "--fork --print-address=1 --print-pid=1 --config-file C",
         with([](Options& o) {
             o.fork = ForkChoice::Always;
             o.print_address_fd = 1;
             o.print_pid_fd = 1;
         })},
    };
    for (const auto& [about, words, expected] : kCases) {
        EXPECT_EQ(parse_command_line(split(words)).options, expected) << about;
    }
}

TEST(ParseCommandLine, DoesNotTakeAnOptionForADescriptor) {
    const auto both = with([](Options& o) { o.print_address_fd = o.print_pid_fd = 1; });
    for (const char* words : {"--config-file=C --print-address --print-pid",
                              "--config-file=C --print-pid --print-address",
                              "--print-address --print-pid=1 --config-file C"}) {
        EXPECT_EQ(parse_command_line(split(words)).options, both) << words;
    }
}

TEST(ParseCommandLine, EndsAtTheFirstRequestForText) {
    constexpr struct {
        const char* words;
        Command expected;
    } kCases[] = {
        {"--help", Command::PrintUsage},
        {"-h", Command::PrintUsage},
        {"-?", Command::PrintUsage},
        {"--help --version", Command::PrintUsage},
        {"--version --help", Command::PrintVersion},
        {"--version --bogus", Command::PrintVersion},
        {"--introspect --bogus", Command::PrintIntrospection},
        {"--config-file=C --version", Command::PrintVersion},
    };
    for (const auto& [words, expected] : kCases) {
        EXPECT_EQ(parse_command_line(split(words)).command, expected) << words;
    }
}

TEST(ParseCommandLine, NamesTheFirstError) {
    using Usage = CommandLineError::Usage;
    constexpr struct {
        const char *words, *text;
        Usage usage;
    } kCases[] = {
        {"", "No configuration file specified.", Usage::Show},
        {"--config-file=", "No configuration file specified.", Usage::Show},
        {"--print-address=1 --address=A", "No configuration file specified.", Usage::Show},
        {"--bogus", "Unknown option \"--bogus\"", Usage::Show},
        {"--bogus --version", "Unknown option \"--bogus\"", Usage::Show},
        {"bogus", "Unknown option \"bogus\"", Usage::Show},
        {"--config-file=C --", "Unknown option \"--\"", Usage::Show},
        {"--session=", "Unknown option \"--session=\"", Usage::Show},
        {"--config-file=C --nofork=1", "Unknown option \"--nofork=1\"", Usage::Show},
        {"--config-fileC", "Unknown option \"--config-fileC\"", Usage::Show},
        {"--config-file=C --print-pid -- 1", "Unknown option \"--\"", Usage::Show},
        {"--session --session",
         "--session specified but configuration file /usr/share/dbus-1/session.conf already "
         "requested",
         Usage::Omit},
        {"--system --session",
         "--session specified but configuration file /usr/share/dbus-1/system.conf already "
         "requested",
         Usage::Omit},
        {"--config-file X --system",
         "--system specified but configuration file X already requested", Usage::Omit},
        {"--config-file=X --config-file Y",
         "--config-file specified but configuration file X already requested", Usage::Omit},
        {"--config-file=C --address A --address=B",
         "--address specified but address A already requested", Usage::Omit},
        {"--print-address=2 --print-address",
         "--print-address specified but printing address to 2 already requested", Usage::Omit},
        {"--print-pid --print-pid=1",
         "--print-pid specified but printing pid to 1 already requested", Usage::Omit},
        {"--print-address=abc", "Invalid file descriptor: \"abc\"", Usage::Omit},
        {"--print-address abc", "Invalid file descriptor: \"abc\"", Usage::Omit},
        {"--print-address -1", "Invalid file descriptor: \"-1\"", Usage::Omit},
        {"--print-address=1x", "Invalid file descriptor: \"1x\"", Usage::Omit},
        {"--print-address=08", "Invalid file descriptor: \"08\"", Usage::Omit},
        {"--print-pid=2147483648", "Invalid file descriptor: \"2147483648\"", Usage::Omit},
        {"--print-pid=99999999999999999999", "Invalid file descriptor: \"99999999999999999999\"",
         Usage::Omit},
        {"--session --metrics-address=/m",
         "--metrics-address: \"/m\": an entry has no colon behind its transport", Usage::Omit},
        {"--session --metrics-address=", "--metrics-address: \"\": the address is empty",
         Usage::Omit},
        {"--session --metrics-address=tcp:port=9100",
         "--metrics-address takes unix:path=... or unix:abstract=..., and \"tcp:port=9100\" is "
         "neither",
         Usage::Omit},
        {"--session --metrics-address=unix:path=/m;unix:runtime=yes",
         "--metrics-address takes unix:path=... or unix:abstract=..., and "
         "\"unix:path=/m;unix:runtime=yes\" is neither",
         Usage::Omit},
        {"--session --metrics-address=unix:path=/m --metrics-address=unix:path=/n",
         "--metrics-address specified but address unix:path=/m already requested", Usage::Omit},
        {"--session --metrics-address",
         "--metrics-address needs a value: "
         "--metrics-address=ADDRESS",
         Usage::Omit},
        {"--session --permissive=", "--permissive= needs a value: --permissive[=NAME]",
         Usage::Omit},
        {"--session --permissive=a", "--permissive takes a well-known bus name, and \"a\" is none",
         Usage::Omit},
        {"--session --permissive=:1.5",
         "--permissive takes a well-known bus name, and \":1.5\" is a unique one", Usage::Omit},
        {"--session --address", "--address needs a value: --address=ADDRESS", Usage::Omit},
        {"--session --address --nofork", "--address needs a value: --address=ADDRESS", Usage::Omit},
        {"--session --mailbox-config=", "--mailbox-config= needs a value: --mailbox-config=FILE",
         Usage::Omit},
        {"--config-file --session", "--config-file needs a value: --config-file=FILE", Usage::Omit},
    };
    for (const auto& [words, text, usage] : kCases) {
        try {
            (void)parse_command_line(split(words));
            ADD_FAILURE() << "accepted: " << words;
        } catch (const CommandLineError& error) {
            EXPECT_STREQ(error.what(), text) << words;
            EXPECT_EQ(error.usage(), usage) << words;
        }
    }
}

TEST(UsageText, ListsEveryOptionUnderTheNameOfTheProgram) {
    EXPECT_EQ(
        usage_text("dbus-daemon"),
        "dbus-daemon [--version] [--session] [--system] [--config-file=FILE] "
        "[--print-address[=DESCRIPTOR]] [--print-pid[=DESCRIPTOR]] [--introspect] "
        "[--address=ADDRESS] [--nopidfile] [--nosyslog] [--syslog] [--syslog-only] [--nofork] "
        "[--fork] [--systemd-activation] [--unsafe-partial-policy] [--mailbox-config=FILE] "
        "[--permissive[=NAME]] [--metrics-address=ADDRESS]\n");
}

TEST(VersionText, EndsItsFirstLineInAVersionThatScriptsCanCompare) {
    const std::string text = version_text();
    EXPECT_EQ(split(text.substr(0, text.find('\n'))).back(), "1.14.10");
}

}  // namespace
}  // namespace buzon::broker
