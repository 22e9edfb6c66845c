// SPDX-License-Identifier: Apache-2.0
#include "bus/socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <utility>

namespace buzon::bus {
namespace {

namespace fs = std::filesystem;

const Guid kGuid = Guid::parse("00112233445566778899aabbccddeeff").value();

class SocketTest : public testing::Test {
protected:
    SocketTest() {
        std::string pattern = testing::TempDir() + "socket-XXXXXX";
        directory_ = ::mkdtemp(pattern.data());
    }
    ~SocketTest() override {
        std::error_code ignored;
        fs::remove_all(directory_, ignored);
    }
    SocketTest(const SocketTest&) = delete;
    SocketTest& operator=(const SocketTest&) = delete;

    [[nodiscard]] std::string path(std::string_view name) const { return directory_ / name; }
    [[nodiscard]] Address path_address(std::string_view name) const {
        return {UnixPath{path(name)}, std::nullopt};
    }
    /// Binds what must give one socket.
    static BoundSocket bind_one(const Address& address, std::string_view runtime_directory = {}) {
        auto sockets = bind_address(address, runtime_directory);
        EXPECT_TRUE(sockets) << (sockets ? "" : describe(sockets.error()));
        if (!sockets || sockets->size() != 1) return {};
        return std::move(sockets->front());
    }
    static BoundSocket listen_on(const Address& address) {
        auto bound = bind_one(address);
        EXPECT_TRUE(start_listening(bound));
        return bound;
    }
    static SocketError bind_error(const Address& address, std::string_view runtime_directory = {}) {
        const auto sockets = bind_address(address, runtime_directory);
        EXPECT_FALSE(sockets);
        return sockets ? SocketError{SocketProblem::CannotListen, {}} : sockets.error();
    }
    static Address parsed(std::string_view text) { return parse_address(text).value(); }
    static bool is_socket(const fs::path& path) { return fs::is_socket(fs::symlink_status(path)); }

    fs::path directory_;
};

FileDescriptor accept_client(const BoundSocket& server) {
    return FileDescriptor(::accept4(server.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

void expect_flags(const FileDescriptor& socket) {
    EXPECT_EQ(::fcntl(socket.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    EXPECT_EQ(::fcntl(socket.get(), F_GETFL) & O_NONBLOCK, O_NONBLOCK);
}

TEST_F(SocketTest, ServerAndClientMeetAtAPath) {
    const auto server = listen_on(path_address("bus"));
    expect_flags(server.socket);
    EXPECT_FALSE(accept_client(server)) << "does not wait";

    const auto client = connect_to(server.address);
    ASSERT_TRUE(client) << describe(client.error());
    expect_flags(*client);
    const auto accepted = accept_client(server);
    ASSERT_TRUE(accepted);
    ASSERT_EQ(::write(client->get(), "x", 1), 1);
    char byte = 0;
    EXPECT_EQ(::read(accepted.get(), &byte, 1), 1);
    EXPECT_EQ(byte, 'x');
}

TEST_F(SocketTest, BoundIsNotYetListening) {
    const auto bound = bind_one(path_address("bus"));
    const auto client = connect_to(bound.address);
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().problem, SocketProblem::CannotConnect);
    EXPECT_EQ(client.error().system_error, ECONNREFUSED);
}

TEST_F(SocketTest, ModeIs0777WhateverTheUmask) {
    const mode_t old_mask = ::umask(0777);
    const auto bound = bind_one(path_address("bus"));
    ::umask(old_mask);
    struct stat status {};
    ASSERT_EQ(::stat(path("bus").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0777U);
}

TEST_F(SocketTest, FileGoesWithTheSocket) {
    {
        const auto bound = bind_one(path_address("bus"));
        EXPECT_TRUE(is_socket(path("bus")));
        EXPECT_EQ(bound.file.path(), path("bus"));
    }
    EXPECT_FALSE(fs::exists(path("bus")));
}

TEST_F(SocketTest, ReleasedFileStays) {
    {
        auto bound = bind_one(path_address("bus"));
        bound.file.release();
        EXPECT_EQ(bound.file.path(), "");
    }
    EXPECT_TRUE(is_socket(path("bus")));
}

TEST_F(SocketTest, MovedFileIsRemovedOnce) {
    auto first = bind_one(path_address("a"));
    auto second = bind_one(path_address("b"));
    first = std::move(second);
    EXPECT_FALSE(fs::exists(path("a")));
    EXPECT_TRUE(is_socket(path("b")));
}

TEST_F(SocketTest, FileOfAnotherServerIsLeftAlone) {
    auto first = bind_one(path_address("bus"));
    const auto second = listen_on(path_address("bus"));
    first.file.remove();
    EXPECT_TRUE(is_socket(path("bus")));
    EXPECT_TRUE(connect_to(second.address));
}

TEST_F(SocketTest, StaleSocketIsReplaced) {
    {
        auto stale = bind_one(path_address("bus"));
        stale.file.release();
    }
    const auto server = listen_on(path_address("bus"));
    EXPECT_TRUE(connect_to(server.address));
}

TEST_F(SocketTest, WhatIsNoSocketIsNotReplaced) {
    std::ofstream(path("bus")) << "text";
    const auto error = bind_error(path_address("bus"));
    EXPECT_EQ(error.problem, SocketProblem::CannotBind);
    EXPECT_EQ(error.system_error, EADDRINUSE);
    EXPECT_TRUE(fs::is_regular_file(path("bus")));
}

TEST_F(SocketTest, RelativePathOutlivesAChangeOfDirectory) {
    const fs::path before = fs::current_path();
    fs::current_path(directory_);
    {
        const auto bound = bind_one({UnixPath{"bus"}, std::nullopt});
        EXPECT_EQ(format_address(bound.address), "unix:path=bus");
        fs::current_path(before);
        EXPECT_TRUE(is_socket(path("bus")));
    }
    EXPECT_FALSE(fs::exists(path("bus")));
}

TEST_F(SocketTest, DirectoryGetsARandomName) {
    for (const std::string_view key : {"dir", "tmpdir"}) {
        const Address address =
            parsed(fmt::format("unix:{}={}", key, escape_address_value(directory_.string())));
        const auto first = listen_on(address);
        const auto second = listen_on(address);
        ASSERT_TRUE(std::holds_alternative<UnixPath>(first.address.transport));
        const std::string name = std::get<UnixPath>(first.address.transport).path;
        EXPECT_TRUE(std::regex_match(fs::path(name).filename().string(),
                                     std::regex("dbus-[0-9A-Za-z]{10}")))
            << name;
        EXPECT_EQ(fs::path(name).parent_path(), directory_);
        EXPECT_NE(first.address, second.address);
        EXPECT_TRUE(connect_to(first.address));
        EXPECT_FALSE(connect_to(address)) << "listen only";
    }
}

TEST_F(SocketTest, RuntimeIsBusInTheRuntimeDirectory) {
    const auto bound = bind_one({UnixRuntime{}, std::nullopt}, directory_.string());
    EXPECT_EQ(bound.address, path_address("bus"));
    EXPECT_EQ(bind_error({UnixRuntime{}, std::nullopt}).problem, SocketProblem::NoRuntimeDirectory);
}

TEST_F(SocketTest, AbstractNameNeedsNoFile) {
    const Address address{UnixAbstract{path("abstract")}, std::nullopt};
    const auto server = listen_on(address);
    EXPECT_TRUE(connect_to(address));
    EXPECT_FALSE(fs::exists(path("abstract")));
    EXPECT_EQ(server.file.path(), "");
    const auto error = bind_error(address);
    EXPECT_EQ(error.problem, SocketProblem::CannotBind);
    EXPECT_EQ(error.system_error, EADDRINUSE);
}

TEST_F(SocketTest, LongestPathHas107Bytes) {
    const fs::path before = fs::current_path();
    fs::current_path(directory_);
    const Address longest{UnixPath{std::string(107, 'x')}, std::nullopt};
    const Address too_long{UnixPath{std::string(108, 'x')}, std::nullopt};
    EXPECT_TRUE(bind_address(longest, {}));
    EXPECT_EQ(bind_error(too_long).problem, SocketProblem::NameTooLong);
    const auto client = connect_to(too_long);
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().problem, SocketProblem::NameTooLong);
    fs::current_path(before);
}

constexpr struct {
    std::string_view address;
    SocketProblem binding, connecting;
} kRefused[] = {
    {"tcp:host=127.0.0.1,port=0", SocketProblem::TcpRefused, SocketProblem::TcpRefused},
    {"nonce-tcp:host=127.0.0.1,port=0", SocketProblem::TcpRefused, SocketProblem::TcpRefused},
    {"unixexec:path=true", SocketProblem::NotForServers, SocketProblem::NotForClients},
    {"launchd:env=X", SocketProblem::NotForServers, SocketProblem::NotForClients},
    {"autolaunch:", SocketProblem::NotForServers, SocketProblem::NotForClients},
    {"foo:bar=baz", SocketProblem::UnknownTransport, SocketProblem::UnknownTransport},
    {"systemd:", SocketProblem::NothingInherited, SocketProblem::NotForClients},
    {"unix:runtime=yes", SocketProblem::NoRuntimeDirectory, SocketProblem::NotForClients},
    {"unix:dir=/nonexistent", SocketProblem::CannotBind, SocketProblem::NotForClients},
    {"unix:path=/nonexistent/bus", SocketProblem::CannotBind, SocketProblem::CannotConnect},
};
TEST_F(SocketTest, RefusesByNameWhatItCannotDo) {
    for (const auto& [text, binding, connecting] : kRefused) {
        EXPECT_EQ(bind_error(parsed(text)).problem, binding) << text;
        const auto client = connect_to(parsed(text));
        ASSERT_FALSE(client) << text;
        EXPECT_EQ(client.error().problem, connecting) << text;
    }
}

TEST_F(SocketTest, ErrorNamesAddressProblemAndReason) {
    EXPECT_EQ(describe(bind_error(parsed("unix:path=/nonexistent/bus"))),
              "unix:path=/nonexistent/bus: cannot bind the socket: No such file or directory");
    EXPECT_EQ(describe(bind_error(parsed("foo:"))), "foo:: unknown transport");
}

TEST_F(SocketTest, FirstEntryThatWorksIsBound) {
    const auto list = parse_addresses("foo:;unix:runtime=yes;tcp:;unix:path=" +
                                      escape_address_value(path("bus")) + ";unix:path=/other");
    ASSERT_TRUE(list);
    const auto sockets = bind_first(*list, {});
    ASSERT_TRUE(sockets);
    ASSERT_EQ(sockets->size(), 1U);
    EXPECT_EQ(sockets->front().address, path_address("bus"));
}

TEST_F(SocketTest, ErrorOfAListHasThatOfEachEntry) {
    const auto sockets = bind_first(*parse_addresses("foo:;unix:runtime=yes"), {});
    ASSERT_FALSE(sockets);
    EXPECT_EQ(describe(sockets.error()),
              "foo:: unknown transport; unix:runtime=yes: XDG_RUNTIME_DIR is not set");
}

TEST_F(SocketTest, ClientsTryTheEntriesInOrder) {
    const auto server = listen_on(path_address("bus"));
    const auto list = parse_addresses("unix:path=/nonexistent/bus;" +
                                      advertised_address(std::span(&server, 1), kGuid));
    ASSERT_TRUE(list);
    const auto client = connect_to_first(*list);
    ASSERT_TRUE(client);
    EXPECT_EQ(client->address.guid, kGuid);

    const auto nobody = connect_to_first(std::span(*list).first(1));
    ASSERT_FALSE(nobody);
    EXPECT_EQ(nobody.error().size(), 1U);
}

TEST_F(SocketTest, AdvertisedAddressesHaveTheGuidEach) {
    std::vector<BoundSocket> sockets;
    sockets.push_back(bind_one(path_address("a=b")));
    sockets.push_back(bind_one({UnixAbstract{path("c")}, std::nullopt}));
    const std::string guid = ",guid=00112233445566778899aabbccddeeff";
    EXPECT_EQ(advertised_address(sockets, kGuid),
              "unix:path=" + path("a%3db") + guid + ";unix:abstract=" + path("c") + guid);
}

TEST_F(SocketTest, ServerThatIsGoneRefusesClients) {
    const Address address = path_address("bus");
    {
        auto server = listen_on(address);
        server.file.release();
    }
    const auto client = connect_to(address);
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().system_error, ECONNREFUSED);
}

// Inherited sockets, as systemd passes them.
class AdoptSockets : public SocketTest {
protected:
    static auto adopt(FileDescriptor socket) {
        std::vector<FileDescriptor> sockets;
        sockets.push_back(std::move(socket));
        return adopt_sockets(std::move(sockets));
    }
    static void expect_unusable(FileDescriptor socket, std::string_view about) {
        const auto sockets = adopt(std::move(socket));
        ASSERT_FALSE(sockets) << about;
        EXPECT_EQ(sockets.error().problem, SocketProblem::InheritedUnusable) << about;
    }
};

TEST_F(AdoptSockets, FindOutTheirAddresses) {
    auto by_path = listen_on(path_address("bus"));
    auto by_name = listen_on({UnixAbstract{path("abstract")}, std::nullopt});
    std::vector<FileDescriptor> sockets;
    sockets.push_back(std::move(by_path.socket));
    sockets.push_back(std::move(by_name.socket));
    const auto adopted = adopt_sockets(std::move(sockets));
    ASSERT_TRUE(adopted) << describe(adopted.error());
    ASSERT_EQ(adopted->size(), 2U);
    EXPECT_EQ(adopted->at(0).address, by_path.address);
    EXPECT_EQ(adopted->at(1).address, by_name.address);
    EXPECT_EQ(adopted->at(0).file.path(), "") << "whoever bound it unlinks it";
    EXPECT_TRUE(connect_to(by_path.address));
}

TEST_F(AdoptSockets, LongestNamesAreReadWhole) {
    const fs::path before = fs::current_path();
    fs::current_path(directory_);
    auto bound = listen_on({UnixPath{std::string(107, 'x')}, std::nullopt});
    const auto adopted = adopt(std::move(bound.socket));
    ASSERT_TRUE(adopted);
    EXPECT_EQ(adopted->front().address, bound.address);
    bound.file.remove();
    fs::current_path(before);
}

TEST_F(AdoptSockets, BecomeNonBlockingAndCloseOnExec) {
    auto bound = listen_on(path_address("bus"));
    ASSERT_EQ(::fcntl(bound.socket.get(), F_SETFL, O_RDWR), 0);
    ASSERT_EQ(::fcntl(bound.socket.get(), F_SETFD, 0), 0);
    const auto adopted = adopt(std::move(bound.socket));
    ASSERT_TRUE(adopted);
    expect_flags(adopted->front().socket);
}

TEST_F(AdoptSockets, MustListenOnAUnixStream) {
    auto bound = bind_one(path_address("bus"));
    expect_unusable(std::move(bound.socket), "bound only");
    expect_unusable(FileDescriptor(::socket(AF_UNIX, SOCK_STREAM, 0)), "unnamed");
    expect_unusable(FileDescriptor(::open("/dev/null", O_RDWR | O_CLOEXEC)), "no socket");

    FileDescriptor packets(::socket(AF_UNIX, SOCK_SEQPACKET, 0));
    const sockaddr unnamed{AF_UNIX, {}};
    ASSERT_EQ(::bind(packets.get(), &unnamed, sizeof unnamed.sa_family), 0);
    ASSERT_EQ(::listen(packets.get(), 1), 0);
    expect_unusable(std::move(packets), "packets");

    FileDescriptor tcp(::socket(AF_INET, SOCK_STREAM, 0));
    ASSERT_EQ(::listen(tcp.get(), 1), 0);
    expect_unusable(std::move(tcp), "tcp");
}

TEST_F(AdoptSockets, NamesThatNoAddressCanSayAreUnusable) {
    FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_storage name{};
    name.ss_family = AF_UNIX;
    // "\0a\0b": a NUL within the name.
    auto* const text = reinterpret_cast<char*>(&name) + sizeof name.ss_family;
    text[1] = 'a';
    text[3] = static_cast<char>('A' + ::getpid() % 26);
    ASSERT_EQ(
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name.ss_family + 4),
        0);
    ASSERT_EQ(::listen(socket.get(), 1), 0);
    expect_unusable(std::move(socket), "NUL within");
}

/// In a child of its own, because descriptors 3 and on are replaced.
[[noreturn]] void inherit_and_bind(const std::string& path) {
    auto bound = bind_address({UnixPath{path}, std::nullopt}, {});
    if (!bound || !start_listening(bound->front())) std::_Exit(10);
    if (::dup2(bound->front().socket.get(), 3) != 3) std::_Exit(11);
    ::setenv("LISTEN_FDS", "1", 1);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    const auto sockets = bind_address({SystemdSockets{}, std::nullopt}, {});
    if (!sockets) std::_Exit(12);
    if (sockets->front().socket.get() != 3) std::_Exit(13);
    if (sockets->front().address != Address{UnixPath{path}, std::nullopt}) std::_Exit(14);
    if (std::getenv("LISTEN_FDS")) std::_Exit(15);
    const auto again = bind_address({SystemdSockets{}, std::nullopt}, {});
    if (again || again.error().problem != SocketProblem::NothingInherited) std::_Exit(16);
    std::_Exit(0);
}
TEST_F(AdoptSockets, ComeFromTheEnvironmentOnce) {
    EXPECT_EXIT(inherit_and_bind(path("bus")), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace buzon::bus
