// SPDX-License-Identifier: Apache-2.0
// A service and its client written with GDBus, two connections to the bus of
// DBUS_SESSION_BUS_ADDRESS: names, calls, signals, large bodies, descriptors, a vanishing service.
// The service's calls arrive in the main context that the test turns while it waits.
#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr const char* kName = "com.example.GDBus";
constexpr const char* kPath = "/com/example/Object";
constexpr const char* kInterface = "com.example.Interface";
constexpr int kTimeoutMs = 120'000;
constexpr const char* kXml =
    "<node><interface name='com.example.Interface'>"
    "<method name='Exchange'><arg type='ay' direction='in'/><arg type='ay' direction='out'/>"
    "</method><method name='Fail'/><method name='Never'/>"
    "<method name='Take'><arg type='h' direction='in'/></method>"
    "<property name='Answer' type='i' access='read'/>"
    "<signal name='Happened'><arg type='s'/></signal></interface></node>";

struct Free {
    void operator()(GDBusConnection* connection) const { g_object_unref(connection); }
    void operator()(GUnixFDList* list) const { g_object_unref(list); }
    void operator()(GVariant* value) const { g_variant_unref(value); }
    void operator()(GError* error) const { g_error_free(error); }
    void operator()(GAsyncResult* result) const { g_object_unref(result); }
    void operator()(GDBusNodeInfo* info) const { g_dbus_node_info_unref(info); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

/// Turns the main context until `done`.
template <class Done>
void turn_until(Done done) {
    while (!done())
        g_main_context_iteration(nullptr, TRUE);
}

void keep_result(GObject*, GAsyncResult* result, gpointer slot) {
    static_cast<Owned<GAsyncResult>*>(slot)->reset(
        reinterpret_cast<GAsyncResult*>(g_object_ref(result)));
}

Owned<GDBusConnection> connect() {
    GError* error = nullptr;
    constexpr auto kFlags =
        static_cast<GDBusConnectionFlags>(G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                          G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION);
    Owned<GDBusConnection> connection(g_dbus_connection_new_for_address_sync(
        std::getenv("DBUS_SESSION_BUS_ADDRESS"), kFlags, nullptr, nullptr, &error));
    EXPECT_TRUE(connection) << (error ? error->message : "");
    return connection;
}

class GDBus : public testing::Test {
protected:
    void SetUp() override {
        info_.reset(g_dbus_node_info_new_for_xml(kXml, nullptr));
        const GDBusInterfaceVTable table{on_call, on_get, nullptr, {}};
        g_dbus_connection_register_object(service_.get(), kPath, info_->interfaces[0], &table, this,
                                          nullptr, nullptr);
        owner_id_ = g_bus_own_name_on_connection(
            service_.get(), kName, G_BUS_NAME_OWNER_FLAGS_DO_NOT_QUEUE,
            [](GDBusConnection*, const gchar*, gpointer self) {
                static_cast<GDBus*>(self)->owned_ = true;
            },
            nullptr, this, nullptr);
        turn_until([this] { return owned_; });
    }

    void TearDown() override {
        g_bus_unown_name(owner_id_);
        if (service_) g_dbus_connection_close_sync(service_.get(), nullptr, nullptr);
        g_dbus_connection_close_sync(client_.get(), nullptr, nullptr);
    }

    static void on_call(GDBusConnection*,
                        const gchar*,
                        const gchar*,
                        const gchar*,
                        const gchar* method,
                        GVariant* parameters,
                        GDBusMethodInvocation* invocation,
                        gpointer self) {
        const std::string name(method);
        if (name == "Exchange") {
            g_dbus_method_invocation_return_value(invocation, parameters);
        } else if (name == "Fail") {
            g_dbus_method_invocation_return_dbus_error(invocation, "com.example.Error", "why");
        } else if (name == "Take") {
            GUnixFDList* fds =
                g_dbus_message_get_unix_fd_list(g_dbus_method_invocation_get_message(invocation));
            const int fd = g_unix_fd_list_get(fds, 0, nullptr);
            EXPECT_EQ(write(fd, "x", 1), 1);
            close(fd);
            g_dbus_method_invocation_return_value(invocation, nullptr);
        } else {
            static_cast<GDBus*>(self)->unanswered_ = invocation;
        }
    }

    static GVariant* on_get(GDBusConnection*,
                            const gchar*,
                            const gchar*,
                            const gchar*,
                            const gchar*,
                            GError**,
                            gpointer) {
        return g_variant_new_int32(42);
    }

    void begin(const char* interface,
               const char* method,
               GVariant* parameters,
               GUnixFDList* fds = nullptr) {
        g_dbus_connection_call_with_unix_fd_list(client_.get(), kName, kPath, interface, method,
                                                 parameters, nullptr, G_DBUS_CALL_FLAGS_NONE,
                                                 kTimeoutMs, fds, nullptr, keep_result, &result_);
    }

    /// Waits for the reply of begin(); an error sets error_.
    Owned<GVariant> finish() {
        turn_until([this] { return static_cast<bool>(result_); });
        GError* error = nullptr;
        Owned<GVariant> reply(g_dbus_connection_call_with_unix_fd_list_finish(
            client_.get(), nullptr, result_.get(), &error));
        error_.reset(error);
        return reply;
    }

    std::string error_name() {
        if (!error_) return "";
        gchar* name = g_dbus_error_get_remote_error(error_.get());
        std::string copy(name ? name : "");
        g_free(name);
        return copy;
    }

    void exchange(std::size_t size) {
        const std::vector<guchar> bytes(size, 0x5a);
        GVariant* array =
            g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes.data(), bytes.size(), 1);
        begin(kInterface, "Exchange", g_variant_new_tuple(&array, 1));
        const Owned<GVariant> reply = finish();
        ASSERT_TRUE(reply) << error_->message;
        const Owned<GVariant> back(g_variant_get_child_value(reply.get(), 0));
        gsize length = 0;
        const void* data = g_variant_get_fixed_array(back.get(), &length, 1);
        ASSERT_EQ(length, size);
        EXPECT_EQ(memcmp(data, bytes.data(), size), 0);
    }

    Owned<GDBusConnection> service_ = connect();
    Owned<GDBusConnection> client_ = connect();
    Owned<GDBusNodeInfo> info_;
    Owned<GAsyncResult> result_;
    Owned<GError> error_;
    GDBusMethodInvocation* unanswered_ = nullptr;
    guint owner_id_ = 0;
    bool owned_ = false;
};

TEST_F(GDBus, WatcherSeesTheNameAppearAndVanish) {
    std::vector<std::string> seen;
    const guint watch = g_bus_watch_name_on_connection(
        client_.get(), kName, G_BUS_NAME_WATCHER_FLAGS_NONE,
        [](GDBusConnection*, const gchar*, const gchar* owner, gpointer list) {
            static_cast<std::vector<std::string>*>(list)->emplace_back(owner);
        },
        [](GDBusConnection*, const gchar*, gpointer list) {
            static_cast<std::vector<std::string>*>(list)->emplace_back("");
        },
        &seen, nullptr);
    turn_until([&] { return seen.size() == 1; });
    EXPECT_EQ(seen[0], g_dbus_connection_get_unique_name(service_.get()));
    g_dbus_connection_close_sync(service_.get(), nullptr, nullptr);
    turn_until([&] { return seen.size() == 2; });
    EXPECT_EQ(seen[1], "");
    g_bus_unwatch_name(watch);
}

TEST_F(GDBus, PropertyIsRead) {
    begin("org.freedesktop.DBus.Properties", "Get", g_variant_new("(ss)", kInterface, "Answer"));
    const Owned<GVariant> reply = finish();
    ASSERT_TRUE(reply) << error_->message;
    gchar* text = g_variant_print(reply.get(), FALSE);
    EXPECT_STREQ(text, "(<42>,)");
    g_free(text);
}

TEST_F(GDBus, ErrorIsPassedOn) {
    begin(kInterface, "Fail", nullptr);
    EXPECT_FALSE(finish());
    EXPECT_EQ(error_name(), "com.example.Error");
}

TEST_F(GDBus, SignalReachesTheSubscriber) {
    std::string got;
    const guint subscription = g_dbus_connection_signal_subscribe(
        client_.get(), kName, kInterface, "Happened", kPath, nullptr, G_DBUS_SIGNAL_FLAGS_NONE,
        [](GDBusConnection*, const gchar*, const gchar*, const gchar*, const gchar*,
           GVariant* parameters, gpointer slot) {
            const gchar* text = nullptr;
            g_variant_get(parameters, "(&s)", &text);
            *static_cast<std::string*>(slot) = text;
        },
        &got, nullptr);
    begin("org.freedesktop.DBus.Peer", "Ping", nullptr);  // the rule is in force once this returns
    finish();
    g_dbus_connection_emit_signal(service_.get(), nullptr, kPath, kInterface, "Happened",
                                  g_variant_new("(s)", "news"), nullptr);
    turn_until([&] { return !got.empty(); });
    EXPECT_EQ(got, "news");
    g_dbus_connection_signal_unsubscribe(client_.get(), subscription);
}

TEST_F(GDBus, BodyOfOneMebibyteGoesThereAndBack) {
    exchange(std::size_t{1} << 20U);
}

TEST_F(GDBus, BodyOf32MebibytesGoesThereAndBack) {
    exchange(std::size_t{32} << 20U);
}

TEST_F(GDBus, DescriptorsArePassed) {
    std::array<int, 2> pipe_ends{};
    ASSERT_EQ(pipe(pipe_ends.data()), 0);
    const Owned<GUnixFDList> fds(g_unix_fd_list_new());
    const gint handle = g_unix_fd_list_append(fds.get(), pipe_ends[1], nullptr);
    begin(kInterface, "Take", g_variant_new("(h)", handle), fds.get());
    close(pipe_ends[1]);
    EXPECT_TRUE(finish());
    char byte = 0;
    EXPECT_EQ(read(pipe_ends[0], &byte, 1), 1);
    close(pipe_ends[0]);
}

TEST_F(GDBus, ServiceThatVanishesGivesNoReply) {
    begin(kInterface, "Never", nullptr);
    turn_until([this] { return unanswered_ != nullptr; });
    g_dbus_connection_close_sync(service_.get(), nullptr, nullptr);
    g_object_unref(unanswered_);
    EXPECT_FALSE(finish());
    EXPECT_EQ(error_name(), "org.freedesktop.DBus.Error.NoReply");
}

}  // namespace
