// SPDX-License-Identifier: Apache-2.0
// A service and its client written with libdbus, two connections to the bus of
// DBUS_SESSION_BUS_ADDRESS: names, calls, signals, large bodies, descriptors, a vanishing service.
#include <dbus/dbus.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr const char* kName = "com.example.LibDBus";
constexpr const char* kPath = "/com/example/Object";
constexpr const char* kInterface = "com.example.Interface";
constexpr int kTimeoutMs = 120'000;

struct Unref {
    void operator()(DBusMessage* message) const { dbus_message_unref(message); }
    void operator()(DBusPendingCall* call) const { dbus_pending_call_unref(call); }
    void operator()(DBusConnection* connection) const {
        dbus_connection_close(connection);
        dbus_connection_unref(connection);
    }
};
using MessagePtr = std::unique_ptr<DBusMessage, Unref>;
using PendingPtr = std::unique_ptr<DBusPendingCall, Unref>;
using ConnectionPtr = std::unique_ptr<DBusConnection, Unref>;

class Error {
public:
    Error() { dbus_error_init(&error_); }
    ~Error() { dbus_error_free(&error_); }
    Error(const Error&) = delete;
    Error& operator=(const Error&) = delete;
    DBusError* get() { return &error_; }
    [[nodiscard]] std::string text() const { return error_.message ? error_.message : ""; }

private:
    DBusError error_{};
};

ConnectionPtr connect() {
    Error error;
    ConnectionPtr connection(
        dbus_connection_open_private(std::getenv("DBUS_SESSION_BUS_ADDRESS"), error.get()));
    EXPECT_TRUE(connection) << error.text();
    EXPECT_TRUE(dbus_bus_register(connection.get(), error.get())) << error.text();
    dbus_connection_set_exit_on_disconnect(connection.get(), FALSE);
    return connection;
}

/// The next message with this member; everything before it is dropped.
MessagePtr wait_for(DBusConnection* connection, const std::string& member) {
    for (;;) {
        MessagePtr message(dbus_connection_pop_message(connection));
        if (!message) {
            if (!dbus_connection_read_write(connection, kTimeoutMs)) return nullptr;
            continue;
        }
        const char* found = dbus_message_get_member(message.get());
        if (found && member == found) return message;
    }
}

class LibDBus : public testing::Test {
protected:
    void SetUp() override {
        Error error;
        ASSERT_EQ(
            dbus_bus_request_name(service_.get(), kName, DBUS_NAME_FLAG_DO_NOT_QUEUE, error.get()),
            DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER)
            << error.text();
    }

    static MessagePtr call_message(const char* member) {
        return MessagePtr(dbus_message_new_method_call(kName, kPath, kInterface, member));
    }

    PendingPtr send(DBusMessage* message) {
        DBusPendingCall* pending = nullptr;
        EXPECT_TRUE(dbus_connection_send_with_reply(client_.get(), message, &pending, kTimeoutMs));
        dbus_connection_flush(client_.get());
        return PendingPtr(pending);
    }

    static MessagePtr reply_of(const PendingPtr& pending) {
        dbus_pending_call_block(pending.get());
        return MessagePtr(dbus_pending_call_steal_reply(pending.get()));
    }

    void answer(DBusMessage* reply) {
        EXPECT_TRUE(dbus_connection_send(service_.get(), reply, nullptr));
        dbus_connection_flush(service_.get());
    }

    /// Sends `size` bytes to the service and has them sent back.
    void exchange(std::size_t size) {
        std::vector<std::uint8_t> bytes(size, 0x5a);
        const std::uint8_t* data = bytes.data();
        const int length = static_cast<int>(size);
        const MessagePtr call = call_message("Exchange");
        ASSERT_TRUE(dbus_message_append_args(call.get(), DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &data,
                                             length, DBUS_TYPE_INVALID));
        const PendingPtr pending = send(call.get());
        const MessagePtr received = wait_for(service_.get(), "Exchange");
        ASSERT_TRUE(received);
        const std::uint8_t* got = nullptr;
        int got_length = 0;
        ASSERT_TRUE(dbus_message_get_args(received.get(), nullptr, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE,
                                          &got, &got_length, DBUS_TYPE_INVALID));
        ASSERT_EQ(got_length, length);
        const MessagePtr reply(dbus_message_new_method_return(received.get()));
        ASSERT_TRUE(dbus_message_append_args(reply.get(), DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &got,
                                             got_length, DBUS_TYPE_INVALID));
        answer(reply.get());
        const MessagePtr back = reply_of(pending);
        ASSERT_TRUE(dbus_message_get_args(back.get(), nullptr, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE,
                                          &got, &got_length, DBUS_TYPE_INVALID));
        EXPECT_EQ(std::vector<std::uint8_t>(got, got + got_length), bytes);
    }

    ConnectionPtr service_ = connect();
    ConnectionPtr client_ = connect();
};

TEST_F(LibDBus, NameHasTheServiceAsItsOwner) {
    Error error;
    EXPECT_TRUE(dbus_bus_name_has_owner(client_.get(), kName, error.get()));
    EXPECT_EQ(dbus_bus_request_name(client_.get(), kName, DBUS_NAME_FLAG_DO_NOT_QUEUE, error.get()),
              DBUS_REQUEST_NAME_REPLY_EXISTS);
    EXPECT_EQ(dbus_bus_release_name(service_.get(), kName, error.get()),
              DBUS_RELEASE_NAME_REPLY_RELEASED);
    EXPECT_FALSE(dbus_bus_name_has_owner(client_.get(), kName, error.get()));
}

TEST_F(LibDBus, CallIsAnswered) {
    const MessagePtr call = call_message("Add");
    const std::int32_t one = 1;
    const std::int32_t two = 2;
    dbus_message_append_args(call.get(), DBUS_TYPE_INT32, &one, DBUS_TYPE_INT32, &two,
                             DBUS_TYPE_INVALID);
    const PendingPtr pending = send(call.get());
    const MessagePtr received = wait_for(service_.get(), "Add");
    EXPECT_STREQ(dbus_message_get_sender(received.get()), dbus_bus_get_unique_name(client_.get()));
    std::int32_t a = 0;
    std::int32_t b = 0;
    ASSERT_TRUE(dbus_message_get_args(received.get(), nullptr, DBUS_TYPE_INT32, &a, DBUS_TYPE_INT32,
                                      &b, DBUS_TYPE_INVALID));
    const std::int32_t sum = a + b;
    const MessagePtr reply(dbus_message_new_method_return(received.get()));
    dbus_message_append_args(reply.get(), DBUS_TYPE_INT32, &sum, DBUS_TYPE_INVALID);
    answer(reply.get());
    const MessagePtr got = reply_of(pending);
    std::int32_t value = 0;
    ASSERT_TRUE(
        dbus_message_get_args(got.get(), nullptr, DBUS_TYPE_INT32, &value, DBUS_TYPE_INVALID));
    EXPECT_EQ(value, 3);
}

TEST_F(LibDBus, ErrorIsPassedOn) {
    const PendingPtr pending = send(call_message("Fail").get());
    const MessagePtr received = wait_for(service_.get(), "Fail");
    answer(MessagePtr(dbus_message_new_error(received.get(), "com.example.Error", "why")).get());
    EXPECT_STREQ(dbus_message_get_error_name(reply_of(pending).get()), "com.example.Error");
}

TEST_F(LibDBus, SignalReachesTheSubscriber) {
    Error error;
    dbus_bus_add_match(client_.get(), "type='signal',interface='com.example.Interface'",
                       error.get());
    const MessagePtr signal(dbus_message_new_signal(kPath, kInterface, "Happened"));
    const char* text = "news";
    dbus_message_append_args(signal.get(), DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID);
    answer(signal.get());
    const MessagePtr received = wait_for(client_.get(), "Happened");
    EXPECT_STREQ(dbus_message_get_sender(received.get()), dbus_bus_get_unique_name(service_.get()));
    const char* got = nullptr;
    ASSERT_TRUE(
        dbus_message_get_args(received.get(), nullptr, DBUS_TYPE_STRING, &got, DBUS_TYPE_INVALID));
    EXPECT_STREQ(got, "news");
}

TEST_F(LibDBus, BodyOfOneMebibyteGoesThereAndBack) {
    exchange(std::size_t{1} << 20U);
}

TEST_F(LibDBus, BodyOf32MebibytesGoesThereAndBack) {
    exchange(std::size_t{32} << 20U);
}

TEST_F(LibDBus, DescriptorsArePassed) {
    std::array<int, 2> pipe_ends{};
    ASSERT_EQ(pipe(pipe_ends.data()), 0);
    const MessagePtr call = call_message("Take");
    ASSERT_TRUE(
        dbus_message_append_args(call.get(), DBUS_TYPE_UNIX_FD, &pipe_ends[1], DBUS_TYPE_INVALID));
    close(pipe_ends[1]);
    const PendingPtr pending = send(call.get());
    const MessagePtr received = wait_for(service_.get(), "Take");
    int passed = -1;
    ASSERT_TRUE(dbus_message_get_args(received.get(), nullptr, DBUS_TYPE_UNIX_FD, &passed,
                                      DBUS_TYPE_INVALID));
    ASSERT_EQ(write(passed, "x", 1), 1);
    close(passed);
    char byte = 0;
    EXPECT_EQ(read(pipe_ends[0], &byte, 1), 1);
    close(pipe_ends[0]);
    answer(MessagePtr(dbus_message_new_method_return(received.get())).get());
    EXPECT_EQ(dbus_message_get_type(reply_of(pending).get()), DBUS_MESSAGE_TYPE_METHOD_RETURN);
}

TEST_F(LibDBus, ServiceThatVanishesGivesNoReply) {
    const PendingPtr pending = send(call_message("Never").get());
    ASSERT_TRUE(wait_for(service_.get(), "Never"));
    service_.reset();
    EXPECT_STREQ(dbus_message_get_error_name(reply_of(pending).get()), DBUS_ERROR_NO_REPLY);
}

TEST_F(LibDBus, CallOfAMissingNameGivesServiceUnknown) {
    const MessagePtr call(
        dbus_message_new_method_call("com.example.Missing", kPath, kInterface, "M"));
    EXPECT_STREQ(dbus_message_get_error_name(reply_of(send(call.get())).get()),
                 DBUS_ERROR_SERVICE_UNKNOWN);
}

}  // namespace
