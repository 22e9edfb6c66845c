// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher/transient_services.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/temp_dir.h"

namespace buzon::broker {
namespace {

class MakeTransientServices : public testing::Test {
protected:
    [[nodiscard]] std::string make() const {
        return make_transient_services(directory_.file("dbus-1/services"), ::geteuid());
    }
    [[nodiscard]] unsigned mode_of(const std::string& name) const {
        struct stat status {};
        return ::stat(directory_.file(name).c_str(), &status) == 0 ? status.st_mode : 0;
    }

    const testing_support::TempDir directory_;
};

TEST_F(MakeTransientServices, MakesThemForTheOwnerOnly) {
    const auto before = ::umask(0);
    EXPECT_EQ(make(), "");
    ::umask(before);
    EXPECT_EQ(mode_of("dbus-1"), S_IFDIR | 0700U);
    EXPECT_EQ(mode_of("dbus-1/services"), S_IFDIR | 0700U);
    EXPECT_EQ(make(), "") << "they exist";
}

TEST_F(MakeTransientServices, RefusesADirectoryThatOthersCanWrite) {
    ASSERT_EQ(::chmod(directory_.path().c_str(), 0770), 0);
    EXPECT_EQ(make(), fmt::format("XDG_RUNTIME_DIR \"{}\" can be written by others (mode 040770)",
                                  directory_.path()));
    EXPECT_EQ(mode_of("dbus-1"), 0U);
}

TEST_F(MakeTransientServices, RefusesADirectoryOfSomebodyElse) {
    const uid_t other = ::geteuid() + 1;
    EXPECT_EQ(make_transient_services(directory_.file("dbus-1/services"), other),
              fmt::format("XDG_RUNTIME_DIR \"{}\" is owned by uid {}, not our uid {}",
                          directory_.path(), ::geteuid(), other));
}

TEST_F(MakeTransientServices, SaysWhatIsInTheWay) {
    EXPECT_EQ(make_transient_services("/nonexistent/dbus-1/services", ::geteuid()),
              "XDG_RUNTIME_DIR \"/nonexistent\" not available: No such file or directory");
    directory_.write("dbus-1", "a file");
    EXPECT_EQ(make(), fmt::format("\"{}\" cannot be made: Not a directory",
                                  directory_.file("dbus-1/services")));
}

}  // namespace
}  // namespace buzon::broker
