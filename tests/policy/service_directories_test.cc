// SPDX-License-Identifier: Apache-2.0
#include "policy/service_directories.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policy/fake_files.h"

namespace buzon::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// What a configuration with <standard_session_servicedirs/> searches.
std::vector<std::string> session_paths(const ConfigEnvironment& environment) {
    FakeFiles files(
        {{"/main.conf",
          "<busconfig><listen>x:</listen><standard_session_servicedirs/></busconfig>"}});
    std::vector<std::string> paths;
    for (const auto& each : load_config("/main.conf", environment, files).service_directories) {
        paths.push_back(each.path);
    }
    return paths;
}

TEST(StandardSessionDirectories, FollowTheDefaultsOfXdg) {
    ConfigEnvironment environment;
    environment.home = "/home/alice";
    environment.xdg_runtime_dir = "/run/user/1000";
    EXPECT_THAT(
        session_paths(environment),
        ElementsAre("/run/user/1000/dbus-1/services", "/home/alice/.local/share/dbus-1/services",
                    "/usr/local/share/dbus-1/services", "/usr/share/dbus-1/services"));
}

TEST(StandardSessionDirectories, OnlyTheRuntimeDirectoryIsTransient) {
    ConfigEnvironment environment;
    environment.home = "/home/alice";
    environment.xdg_runtime_dir = "/run/user/1000";
    const auto list = standard_session_directories(environment, {});
    EXPECT_EQ(list[0].kind, ServiceDirectory::Kind::Transient);
    EXPECT_EQ(list[1].kind, ServiceDirectory::Kind::Ordinary);
}

TEST(StandardSessionDirectories, FollowTheVariables) {
    ConfigEnvironment environment;
    environment.home = "/home/alice";
    environment.xdg_data_home = "/data";
    environment.xdg_data_dirs = "/b:/a:/b";
    EXPECT_THAT(session_paths(environment),
                ElementsAre("/data/dbus-1/services", "/b/dbus-1/services", "/a/dbus-1/services",
                            "/usr/share/dbus-1/services"))
        << "in their order, each once";
}

TEST(StandardSessionDirectories, LeaveOutEmptyAndRelativeComponents) {
    ConfigEnvironment environment;
    environment.xdg_runtime_dir = "relative";
    environment.xdg_data_home = "relative";
    environment.xdg_data_dirs = ":relative::/a:";
    EXPECT_THAT(session_paths(environment),
                ElementsAre("/a/dbus-1/services", "/usr/share/dbus-1/services"));
}

TEST(StandardSessionDirectories, AVariableSetToNothingHasNoDefault) {
    ConfigEnvironment environment;
    environment.home = "/home/alice";
    environment.xdg_data_home = "";
    environment.xdg_data_dirs = "";
    EXPECT_THAT(session_paths(environment), ElementsAre("/usr/share/dbus-1/services"));
}

TEST(StandardSystemDirectories, AreFixed) {
    std::vector<std::string> paths;
    for (const auto& each : standard_system_directories({}))
        paths.push_back(each.path);
    EXPECT_THAT(paths,
                ElementsAre("/usr/local/share/dbus-1/system-services",
                            "/usr/share/dbus-1/system-services", "/lib/dbus-1/system-services"));
}

}  // namespace
}  // namespace buzon::policy
