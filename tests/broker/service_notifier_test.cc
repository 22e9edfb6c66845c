// SPDX-License-Identifier: Apache-2.0
#include "broker/service_notifier.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "bus/base/file_descriptor.h"
#include "tests/support/temp_dir.h"

namespace buzon::broker {
namespace {

class Manager {
public:
    explicit Manager(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        if (path[0] == '@') address.sun_path[0] = '\0';
        const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
        EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    }
    [[nodiscard]] std::string hear() const {
        std::string text(4096, '\0');
        const auto count = ::recv(socket_.get(), text.data(), text.size(), MSG_DONTWAIT);
        text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return text;
    }

private:
    bus::FileDescriptor socket_;
};

TEST(ServiceNotifier, TellsTheManagerHowTheBusIsDoing) {
    const testing_support::TempDir directory;
    for (const std::string& path :
         {directory.file("notify"), "@buzon-test-" + std::to_string(::getpid())}) {
        const Manager manager(path);
        const ServiceNotifier notifier(path);
        notifier.ready(42);
        EXPECT_EQ(manager.hear(), "READY=1\nMAINPID=42");
        notifier.reloading();
        const std::string reloading = manager.hear();
        EXPECT_TRUE(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC=")) << reloading;
        EXPECT_GT(std::stoll(reloading.substr(reloading.rfind('=') + 1)), 0);
        notifier.reloaded();
        EXPECT_EQ(manager.hear(), "READY=1");
        notifier.stopping();
        EXPECT_EQ(manager.hear(), "STOPPING=1");
    }
}

TEST(ServiceNotifier, KeepsTheSocketWhenItsPathIsOutOfReach) {
    const testing_support::TempDir directory;
    const Manager manager(directory.file("notify"));
    const ServiceNotifier notifier(directory.file("notify"));
    ASSERT_EQ(::unlink(directory.file("notify").c_str()), 0);
    notifier.stopping();
    EXPECT_EQ(manager.hear(), "STOPPING=1");
}

TEST(ServiceNotifier, HidesTheManagerFromOurChildren) {
    const testing_support::TempDir directory;
    const Manager manager(directory.file("notify"));
    ::setenv("NOTIFY_SOCKET", directory.file("notify").c_str(), 1);
    ServiceNotifier::from_environment().reloaded();
    EXPECT_EQ(manager.hear(), "READY=1");
    EXPECT_EQ(std::getenv("NOTIFY_SOCKET"), nullptr);
}

TEST(ServiceNotifier, DoesNothingWithoutAManager) {
    for (const char* path : {"", "@", "relative", "/nonexistent/notify", "vsock:2:1"}) {
        EXPECT_NO_THROW(ServiceNotifier(path).ready(42)) << path;
    }
    EXPECT_NO_THROW(ServiceNotifier(std::string(200, '/')).stopping());
}

}  // namespace
}  // namespace buzon::broker
