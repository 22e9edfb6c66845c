// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher/pidfile.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <stdexcept>

#include "tests/support/child_process.h"
#include "tests/support/temp_dir.h"

namespace buzon::broker {
namespace {

using testing_support::start_child;
using testing_support::TempDir;
using testing_support::wait_for;

/// A number that no process has: its process has ended and was waited for.
pid_t number_of_a_dead_process() {
    const pid_t child = start_child([] { return 0; });
    wait_for(child);
    return child;
}

std::string error_of(const std::string& path) {
    try {
        const Pidfile pidfile = Pidfile::create(path, 42);
        return "";
    } catch (const std::exception& error) {
        return error.what();
    }
}

TEST(Pidfile, NamesTheProcessWhileItLives) {
    const TempDir directory;
    {
        const Pidfile pidfile = Pidfile::create(directory.file("pid"), 42);
        EXPECT_EQ(directory.read("pid"), "42\n");
        struct stat status {};
        ASSERT_EQ(::stat(directory.file("pid").c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777U, 0644U);
    }
    EXPECT_EQ(directory.read("pid"), "(missing)");
}

TEST(Pidfile, RefusesToStartBesideARunningBus) {
    const TempDir directory;
    const struct {
        const char* about;
        std::string text;
    } kCases[] = {
        {"a living process", fmt::format("{}\n", ::getppid())},
        {"no process at all", "bus\n"},
        {"nothing", ""},
        {"a negative number", "-1\n"},
        {"a number and more", "99999999 1\n"},
        {"a long text", std::string(100, '9')},
    };
    for (const auto& [about, text] : kCases) {
        directory.write("pid", text);
        EXPECT_EQ(error_of(directory.file("pid")),
                  fmt::format("The pid file \"{}\" exists, if the message bus is not running, "
                              "remove this file",
                              directory.file("pid")))
            << about;
        EXPECT_EQ(directory.read("pid"), text) << about;
    }
}

TEST(Pidfile, ReplacesThatOfAProcessThatIsGone) {
    const TempDir directory;
    for (const pid_t gone : {number_of_a_dead_process(), pid_t{42}}) {
        directory.write("pid", fmt::format("{}\n", gone));
        const Pidfile pidfile = Pidfile::create(directory.file("pid"), 42);
        EXPECT_EQ(directory.read("pid"), "42\n") << gone;
    }
}

TEST(Pidfile, DoesNotFollowALink) {
    const TempDir directory;
    directory.write("target", fmt::format("{}\n", number_of_a_dead_process()));
    ASSERT_EQ(::symlink(directory.file("target").c_str(), directory.file("pid").c_str()), 0);
    EXPECT_NE(error_of(directory.file("pid")), "");
    EXPECT_NE(directory.read("target"), "(missing)");
}

TEST(Pidfile, LeavesTheFileOfAnotherBusAlone) {
    const TempDir directory;
    std::optional<Pidfile> first(Pidfile::create(directory.file("pid"), 42));
    ASSERT_EQ(::unlink(directory.file("pid").c_str()), 0);
    const Pidfile second = Pidfile::create(directory.file("pid"), 43);
    first.reset();
    EXPECT_EQ(directory.read("pid"), "43\n");
}

TEST(Pidfile, IsRemovedFromAnyDirectory) {
    const TempDir directory;
    const pid_t child = start_child([&] {
        if (::chdir(directory.path().c_str()) < 0) return 1;
        const Pidfile pidfile = Pidfile::create("pid", 42);
        return ::chdir("/") < 0 ? 1 : 0;
    });
    EXPECT_EQ(wait_for(child), 0);
    EXPECT_EQ(directory.read("pid"), "(missing)");
}

TEST(Pidfile, IsRemovedByWhoTookItOver) {
    const TempDir directory;
    directory.write("pid", "42\n");
    { const Pidfile of_another(directory.file("pid"), 43); }
    EXPECT_EQ(directory.read("pid"), "42\n");
    { const Pidfile taken_over(directory.file("pid"), 42); }
    EXPECT_EQ(directory.read("pid"), "(missing)");
}

TEST(Pidfile, SaysWhyItCannotBeMade) {
    EXPECT_EQ(error_of("/nonexistent/pid"),
              "Failed to open \"/nonexistent/pid\": No such file or directory");
}

}  // namespace
}  // namespace buzon::broker
