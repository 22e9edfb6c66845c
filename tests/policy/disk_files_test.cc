// SPDX-License-Identifier: Apache-2.0
// Configuration files on a real disk.
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/config_files.h"
#include "policy/xml_reader.h"
#include "tests/support/temp_dir.h"

namespace buzon::policy {
namespace {

class DiskFilesTest : public testing::Test {
protected:
    std::string path(const std::string& name) { return directory_.file(name); }
    void write(const std::string& name, const std::string& text) { directory_.write(name, text); }

    testing_support::TempDir directory_;
    DiskFiles files_;
};

TEST_F(DiskFilesTest, ReadsAFileWhole) {
    const std::string text(200'000, 'x');
    write("a", text);
    EXPECT_EQ(files_.read(path("a")).value(), text);
    write("b", "");
    EXPECT_EQ(files_.read(path("b")).value(), "");
}

TEST_F(DiskFilesTest, RefusesWhatIsNotARegularFile) {
    ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
    EXPECT_EQ(files_.read(path("fifo")).error(), EINVAL) << "and does not wait for a writer";
    EXPECT_EQ(files_.read(directory_.path()).error(), EISDIR);
    EXPECT_EQ(files_.read("/dev/null").error(), EINVAL);
}

TEST_F(DiskFilesTest, SaysWhyAFileCantBeRead) {
    write("a", "x");
    EXPECT_EQ(files_.read(path("none")).error(), ENOENT);
    EXPECT_EQ(files_.read(path("a/b")).error(), ENOTDIR);
}

TEST_F(DiskFilesTest, RefusesAFileOverTheBound) {
    write("a", "");
    std::filesystem::resize_file(path("a"), kMaxXmlBytes);
    EXPECT_TRUE(files_.read(path("a")));
    std::filesystem::resize_file(path("a"), kMaxXmlBytes + 1);
    EXPECT_EQ(files_.read(path("a")).error(), EFBIG);
}

TEST_F(DiskFilesTest, ListsTheNamesInADirectory) {
    write("a.conf", "");
    write(".b", "");
    std::filesystem::create_directory(path("c"));
    EXPECT_THAT(files_.list(directory_.path()).value(),
                testing::UnorderedElementsAre("a.conf", ".b", "c"));
    EXPECT_EQ(files_.list(path("none")).error(), ENOENT);
    EXPECT_EQ(files_.list(path("a.conf")).error(), ENOTDIR);
}

TEST_F(DiskFilesTest, LoadConfigReadsThem) {
    write("main.conf", "<busconfig><listen>x:</listen><includedir>d</includedir></busconfig>");
    std::filesystem::create_directory(path("d"));
    std::filesystem::create_directory(path("d/1.conf"));
    write("d/2.conf", "<busconfig><type>system</type></busconfig>");
    std::filesystem::create_symlink("nonesuch", path("d/3.conf"));
    const auto config = load_config(path("main.conf"), ConfigEnvironment{}, files_);
    EXPECT_EQ(config.type->value, "system");
    ASSERT_EQ(config.warnings.size(), 1u);
    EXPECT_THAT(config.warnings[0].text, testing::HasSubstr("1.conf left out: "));
    EXPECT_THAT(config.warnings[0].text, testing::HasSubstr("1.conf: it is a directory"));
}

TEST(LoadConfigFromDisk, ResolvesARelativePathOnce) {
    DiskFiles files;
    try {
        (void)load_config("no-such.conf", ConfigEnvironment{}, files);
        FAIL();
    } catch (const ConfigError& error) {
        EXPECT_EQ(error.file(), (std::filesystem::current_path() / "no-such.conf").string());
    }
}

TEST(ProcessEnvironment, IsThatOfTheProcess) {
    ASSERT_EQ(setenv("XDG_DATA_HOME", "/data", 1), 0);
    ASSERT_EQ(unsetenv("XDG_DATA_DIRS"), 0);
    ASSERT_EQ(setenv("XDG_RUNTIME_DIR", "/run/x", 1), 0);
    const auto environment = process_environment();
    EXPECT_EQ(environment.xdg_data_home, "/data");
    EXPECT_EQ(environment.xdg_data_dirs, std::nullopt);
    EXPECT_EQ(environment.xdg_runtime_dir, "/run/x");
    EXPECT_TRUE(environment.selinux_policy_root.starts_with("/etc/selinux/"));
}

}  // namespace
}  // namespace buzon::policy
