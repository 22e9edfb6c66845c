// SPDX-License-Identifier: Apache-2.0
// A service and its client written with sdbus-c++, two connections to the bus of
// DBUS_SESSION_BUS_ADDRESS: names, calls, signals, large bodies, descriptors, a vanishing service.
// The service's connection has an event loop in a thread of its own.
#include <gtest/gtest.h>
#include <sdbus-c++/sdbus-c++.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <string>

namespace {

using namespace std::chrono_literals;

constexpr const char* kName = "com.example.SdBus";
constexpr const char* kPath = "/com/example/Object";
constexpr const char* kInterface = "com.example.Interface";
constexpr auto kTimeout = 120s;

class SdBus : public testing::Test {
protected:
    void SetUp() override {
        object_ = sdbus::createObject(*service_, kPath);
        object_->registerMethod("Exchange")
            .onInterface(kInterface)
            .implementedAs([](const std::string& text) { return text; });
        object_->registerMethod("Fail").onInterface(kInterface).implementedAs([] {
            throw sdbus::Error("com.example.Error", "why");
        });
        object_->registerMethod("Never")
            .onInterface(kInterface)
            .implementedAs([this](sdbus::Result<>&& result) {
                unanswered_ = std::move(result);
                called_.set_value();
            });
        object_->registerMethod("Take")
            .onInterface(kInterface)
            .implementedAs([](const sdbus::UnixFd& fd) { EXPECT_EQ(write(fd.get(), "x", 1), 1); });
        object_->registerSignal("Happened").onInterface(kInterface).withParameters<std::string>();
        object_->registerProperty("Answer").onInterface(kInterface).withGetter([] { return 42; });
        object_->finishRegistration();
        service_->requestName(kName);
        service_->enterEventLoopAsync();
        proxy_ = sdbus::createProxy(*client_, kName, kPath);
    }

    void TearDown() override {
        if (service_) service_->leaveEventLoop();
    }

    void exchange(std::size_t size) {
        const std::string text(size, 'x');
        std::string back;
        proxy_->callMethod("Exchange")
            .onInterface(kInterface)
            .withTimeout(kTimeout)
            .withArguments(text)
            .storeResultsTo(back);
        EXPECT_TRUE(back == text);
    }

    std::unique_ptr<sdbus::IConnection> service_ = sdbus::createSessionBusConnection();
    std::unique_ptr<sdbus::IConnection> client_ = sdbus::createSessionBusConnection();
    std::unique_ptr<sdbus::IObject> object_;
    std::unique_ptr<sdbus::IProxy> proxy_;
    sdbus::Result<> unanswered_;
    std::promise<void> called_;
};

TEST_F(SdBus, NameCannotBeTakenTwice) {
    EXPECT_THROW(client_->requestName(kName), sdbus::Error);
}

TEST_F(SdBus, PropertyIsRead) {
    EXPECT_EQ(proxy_->getProperty("Answer").onInterface(kInterface).get<int>(), 42);
}

TEST_F(SdBus, ErrorIsPassedOn) {
    try {
        proxy_->callMethod("Fail").onInterface(kInterface);
        FAIL() << "no error";
    } catch (const sdbus::Error& error) {
        EXPECT_EQ(error.getName(), "com.example.Error");
    }
}

TEST_F(SdBus, SignalReachesTheSubscriber) {
    std::promise<std::string> got;
    proxy_->uponSignal("Happened").onInterface(kInterface).call([&](const std::string& text) {
        got.set_value(text);
    });
    proxy_->finishRegistration();
    client_->enterEventLoopAsync();
    auto future = got.get_future();
    object_->emitSignal("Happened").onInterface(kInterface).withArguments(std::string("news"));
    ASSERT_EQ(future.wait_for(kTimeout), std::future_status::ready);
    EXPECT_EQ(future.get(), "news");
    client_->leaveEventLoop();
    proxy_.reset();
}

TEST_F(SdBus, BodyOfOneMebibyteGoesThereAndBack) {
    exchange(std::size_t{1} << 20U);
}

TEST_F(SdBus, BodyOf32MebibytesGoesThereAndBack) {
    exchange(std::size_t{32} << 20U);
}

TEST_F(SdBus, DescriptorsArePassed) {
    std::array<int, 2> pipe_ends{};
    ASSERT_EQ(pipe(pipe_ends.data()), 0);
    proxy_->callMethod("Take")
        .onInterface(kInterface)
        .withArguments(sdbus::UnixFd{pipe_ends[1], sdbus::adopt_fd});
    char byte = 0;
    EXPECT_EQ(read(pipe_ends[0], &byte, 1), 1);
    close(pipe_ends[0]);
}

TEST_F(SdBus, ServiceThatVanishesGivesNoReply) {
    client_->enterEventLoopAsync();
    std::promise<std::string> got;
    auto future = got.get_future();
    proxy_->callMethodAsync("Never")
        .onInterface(kInterface)
        .withTimeout(kTimeout)
        .uponReplyInvoke(
            [&](const sdbus::Error* error) { got.set_value(error ? error->getName() : ""); });
    ASSERT_EQ(called_.get_future().wait_for(kTimeout), std::future_status::ready);
    service_->leaveEventLoop();
    unanswered_ = {};
    object_.reset();
    service_.reset();
    ASSERT_EQ(future.wait_for(kTimeout), std::future_status::ready);
    EXPECT_EQ(future.get(), "org.freedesktop.DBus.Error.NoReply");
    client_->leaveEventLoop();
    proxy_.reset();
}

}  // namespace
