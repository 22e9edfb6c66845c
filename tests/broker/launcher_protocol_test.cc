// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace buzon::broker {
namespace {

using bus::ByteOrder;
using bus::WireWriter;
using testing::ElementsAre;

policy::WireBody as(LauncherRequest request, const WireWriter& body) {
    return {method_of(request).out, body.bytes(), body.order()};
}

LoadedSettings everything() {
    LoadedSettings loaded;
    loaded.limits.max_names_per_connection = 3;
    loaded.overrides.users[7] = {{"max_names_per_user", 4}};
    loaded.overrides.destinations["org.example.Mail"] = {{"stuck_timeout", 5}};
    loaded.warnings = {"a", "/etc/\xff: b"};
    auto& start = loaded.start;
    start.type = "session";
    start.keep_umask = start.allow_anonymous = true;
    start.pidfile = "/run/pid";
    start.identity = Identity{1, 2, {3, 4}};
    start.listen = {{"unix:path=/x", "/x.conf:1:2"}};
    start.auth_mechanisms = {bus::AuthMechanism::CookieSha1};
    start.transient_directories = {"/run/user/1/dbus-1/services"};
    start.owner_name = "bus";
    start.owner_home = "/home/bus";
    return loaded;
}

TEST(LauncherProtocol, TableRowsStandWhereTheirRequestsSay) {
    for (const auto request :
         {LauncherRequest::Load, LauncherRequest::Bind, LauncherRequest::Settle,
          LauncherRequest::Adopt, LauncherRequest::MakeSpare, LauncherRequest::WritePidfile,
          LauncherRequest::GiveCookie, LauncherRequest::NameProcesses}) {
        EXPECT_EQ(method_of(request).request, request);
        EXPECT_EQ(find_launcher_method(method_of(request).member), &method_of(request));
    }
    EXPECT_EQ(find_launcher_method("Nonesuch"), nullptr);
}

TEST(LauncherProtocol, CarriesEverySetting) {
    for (const auto order : {ByteOrder::Little, ByteOrder::Big}) {
        WireWriter body(order);
        write_loaded(everything(), body);
        const auto read = read_loaded(as(LauncherRequest::Load, body));
        ASSERT_TRUE(read);
        const StartSettings& start = read.value().start;
        EXPECT_EQ(read.value().limits.max_names_per_connection, 3U);
        EXPECT_EQ(read.value().overrides, everything().overrides);
        EXPECT_THAT(read.value().warnings, ElementsAre("a", "/etc/\\xff: b"));
        EXPECT_EQ(start.type, "session");
        EXPECT_FALSE(start.fork || start.syslog || start.has_service_helper);
        EXPECT_TRUE(start.keep_umask && start.allow_anonymous);
        EXPECT_EQ(start.pidfile, "/run/pid");
        ASSERT_TRUE(start.identity);
        EXPECT_EQ(start.identity->uid, 1U);
        EXPECT_EQ(start.identity->gid, 2U);
        EXPECT_THAT(start.identity->groups, ElementsAre(3, 4));
        ASSERT_EQ(start.listen.size(), 1U);
        EXPECT_EQ(start.listen[0].text, "unix:path=/x");
        EXPECT_EQ(start.listen[0].place, "/x.conf:1:2");
        EXPECT_TRUE(start.auth_mechanisms.contains(bus::AuthMechanism::CookieSha1));
        EXPECT_FALSE(start.auth_mechanisms.contains(bus::AuthMechanism::External));
        EXPECT_THAT(start.transient_directories, ElementsAre("/run/user/1/dbus-1/services"));
        EXPECT_EQ(start.owner_name, "bus");
        EXPECT_EQ(start.owner_home, "/home/bus");
    }
}

TEST(LauncherProtocol, CarriesTheAbsenceOfSettings) {
    WireWriter body;
    write_loaded({}, body);
    const auto read = read_loaded(as(LauncherRequest::Load, body));
    ASSERT_TRUE(read);
    const StartSettings& start = read.value().start;
    EXPECT_FALSE(start.type || start.pidfile || start.identity);
}

TEST(LauncherProtocol, CarriesOrdersAndFiles) {
    WireWriter order;
    write_settle({Identity{1, 2, {}}, true, false, true, {"/a"}}, order);
    const auto settle = read_settle({method_of(LauncherRequest::Settle).in, order.bytes()});
    ASSERT_TRUE(settle);
    EXPECT_EQ(settle.value().identity->gid, 2U);
    EXPECT_TRUE(settle.value().in_background && settle.value().keep_standard_error);
    EXPECT_FALSE(settle.value().reset_umask);
    EXPECT_THAT(settle.value().transient_directories, ElementsAre("/a"));

    WireWriter sockets;
    const BoundAnswer bound[] = {{"unix:path=/x", {"/x", 7, 8}}, {"unix:abstract=y", {}}};
    write_bound(bound, sockets);
    const auto answers = read_bound(as(LauncherRequest::Bind, sockets));
    ASSERT_TRUE(answers);
    ASSERT_EQ(answers.value().size(), 2U);
    EXPECT_EQ(answers.value()[0].file.inode, 8U);
    EXPECT_EQ(answers.value()[1].address, "unix:abstract=y");
}

TEST(LauncherProtocol, CarriesTheFilesOfALauncher) {
    for (const bool has_pidfile : {false, true}) {
        LauncherFiles files{{{"/x", 7, 8}}, std::nullopt};
        if (has_pidfile) files.pidfile = {"/run/pid", 42};
        WireWriter body;
        write_files(files, body);
        const auto read = read_files({method_of(LauncherRequest::Adopt).in, body.bytes()});
        ASSERT_TRUE(read);
        ASSERT_EQ(read->sockets.size(), 1U);
        EXPECT_EQ(read->sockets[0].device, 7U);
        ASSERT_EQ(read->pidfile.has_value(), has_pidfile);
        const PidfileFacts pidfile = read->pidfile.value_or(PidfileFacts{});
        EXPECT_EQ(pidfile.path, has_pidfile ? "/run/pid" : "");
        EXPECT_EQ(pidfile.pid, has_pidfile ? 42U : 0U);
    }
}

TEST(LauncherProtocol, CarriesCookies) {
    WireWriter body;
    write_cookie({"general", 7, "c0ffee"}, body);
    const auto read = read_cookie(as(LauncherRequest::GiveCookie, body));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->context, "general");
    EXPECT_EQ(read->id, 7U);
    EXPECT_EQ(read->cookie, "c0ffee");
}

TEST(LauncherProtocol, CarriesProcesses) {
    WireWriter body;
    const ProcessFacts processes[] = {{7, 1, 0}, {8, std::nullopt, 99}};
    write_processes(processes, body);
    const auto read = read_processes({method_of(LauncherRequest::NameProcesses).in, body.bytes()});
    ASSERT_TRUE(read);
    ASSERT_EQ(read->size(), 2U);
    EXPECT_EQ((*read)[0].descriptor, 1U);
    EXPECT_FALSE((*read)[1].descriptor);
    EXPECT_EQ((*read)[1].pid, 8U);
    EXPECT_EQ((*read)[1].connected_at, 99U);
}

TEST(LauncherProtocol, RefusesBodiesThatAreNotWhatTheyShouldBe) {
    const auto& load = method_of(LauncherRequest::Load);
    const std::vector<std::byte> nothing;
    EXPECT_FALSE(read_loaded({load.out, nothing}));
    EXPECT_FALSE(read_loaded({"s", nothing}));
    EXPECT_FALSE(read_settle({method_of(LauncherRequest::Settle).in, nothing}));
    EXPECT_FALSE(read_files({"as", nothing}));
    EXPECT_FALSE(read_flag({"b", nothing}));
    for (const std::uint32_t pid : {0U, 1U, ~0U}) {
        WireWriter spare;
        spare.write_uint32(pid);
        spare.write_uint32(0);
        EXPECT_FALSE(read_spare(as(LauncherRequest::MakeSpare, spare))) << pid;
    }
}

}  // namespace
}  // namespace buzon::broker
