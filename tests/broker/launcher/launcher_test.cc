// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher/launcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "broker/launcher_client.h"
#include "broker/launcher_names.h"
#include "tests/support/temp_dir.h"

namespace buzon::broker {
namespace {

using testing_support::TempDir;

/// What the broker sends is all there before the launcher runs, and its answers are read after it.
class LauncherTest : public testing::Test {
protected:
    LauncherTest() {
        options_.config_file = directory_.file("bus.conf");
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) < 0) std::abort();
        broker_.emplace(bus::FileDescriptor(ends[0]));
        launcher_.emplace(options_, bus::FileDescriptor(ends[1]), LauncherStage::Settled);
    }

    void ask(LauncherRequest request,
             const bus::Ref<const bus::DescriptorSet>& descriptors = nullptr) {
        ASSERT_TRUE(send_request(*broker_, builder_, request,
                                 {.serial = ++serial_, .descriptors = descriptors}));
    }
    /// Gives it a socket file and a pidfile of a bus to look after.
    void adopt_files() {
        directory_.write("bus", "");
        directory_.write("pid", "42\n");
        bus::SocketFile file(directory_.file("bus"));
        const LauncherFiles files{{{file.path(), file.device(), file.inode()}},
                                  PidfileFacts{directory_.file("pid"), 42}};
        file.release();
        write_files(files, builder_.start_body());
        ask(LauncherRequest::Adopt);
    }
    [[nodiscard]] bool has_files() const {
        return directory_.read("bus").empty() && directory_.read("pid") == "42\n";
    }

    const TempDir directory_;
    Options options_;
    std::optional<MessageStream> broker_;
    std::optional<Launcher> launcher_;
    bus::MessageBuilder builder_;
    std::uint32_t serial_ = 0;
};

TEST_F(LauncherTest, NamesAsManyProcessesAsTheBrokerAsksForAtOnce) {
    std::vector<ProcessFacts> processes;
    std::vector<bus::FileDescriptor> descriptors;
    for (std::uint32_t i = 0; i < LauncherNames::kMostAtOnce; ++i) {
        descriptors.emplace_back(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
        processes.push_back({static_cast<std::uint32_t>(::getpid()), i, 0});
    }
    write_processes(processes, builder_.start_body());
    ask(LauncherRequest::NameProcesses,
        bus::make_ref<const bus::DescriptorSet>(std::move(descriptors)));
    broker_->finish();
    launcher_->run();
    const auto answer = broker_->wait();
    ASSERT_TRUE(answer);
    const auto names = read_texts(body_of(*answer));
    ASSERT_TRUE(names);
    EXPECT_EQ(names->size(), LauncherNames::kMostAtOnce);
    EXPECT_THAT(*names, testing::Each(testing::Not(testing::IsEmpty())));
}

TEST_F(LauncherTest, RemovesTheFilesOfABusThatHasGone) {
    adopt_files();
    broker_->finish();
    launcher_->run();
    launcher_.reset();
    EXPECT_EQ(directory_.read("bus"), "(missing)");
    EXPECT_EQ(directory_.read("pid"), "(missing)");
}

TEST_F(LauncherTest, LeavesTheFilesOfABusThatItCannotUnderstand) {
    adopt_files();
    builder_.start_body().write_uint32(7);
    ask(LauncherRequest::Settle);
    EXPECT_THROW(launcher_->run(), std::runtime_error);
    launcher_.reset();
    EXPECT_TRUE(has_files());
}

TEST_F(LauncherTest, LeavesTheFilesWhereItsLinkBreaks) {
    adopt_files();
    const std::string noise(64, '\xff');
    ASSERT_EQ(::send(broker_->fd(), noise.data(), noise.size(), 0), 64);
    EXPECT_THROW(launcher_->run(), std::runtime_error);
    launcher_.reset();
    EXPECT_TRUE(has_files());
}

}  // namespace
}  // namespace buzon::broker
