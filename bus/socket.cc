// SPDX-License-Identifier: Apache-2.0
#include "bus/socket.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "bus/base/random.h"

namespace buzon::bus {
namespace {

constexpr int kSocketFlags = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

using Sockets = Result<std::vector<BoundSocket>, SocketError>;

Unexpected<SocketError> failure(SocketProblem problem,
                                const Address& address,
                                int system_error = 0) {
    return Unexpected{SocketError{problem, format_address(address), system_error}};
}

/// A socket's name as the kernel takes it.
struct UnixName {
    sockaddr_un raw{};
    socklen_t length = 0;
    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&raw); }
};

/// `prefix` is one NUL for an abstract name. None where the name is too long.
std::optional<UnixName> make_name(std::string_view prefix, std::string_view text) {
    UnixName name;
    // A byte is left for a NUL behind it, which paths need and dbus-daemon leaves for all.
    if (prefix.size() + text.size() >= sizeof name.raw.sun_path) return std::nullopt;
    name.raw.sun_family = AF_UNIX;
    prefix.copy(name.raw.sun_path, prefix.size());
    text.copy(name.raw.sun_path + prefix.size(), text.size());
    name.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + prefix.size() +
                                         text.size() + (prefix.empty() ? 1 : 0));
    return name;
}

std::optional<UnixName> name_of(const UnixPath& transport) {
    return make_name({}, transport.path);
}

std::optional<UnixName> name_of(const UnixAbstract& transport) {
    return make_name(std::string_view("\0", 1), transport.name);
}

void remove_stale_socket(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) ::unlink(path.c_str());
}

template <typename Named>
Result<BoundSocket, SocketError> bind_named(const Named& transport) {
    const Address address{transport, std::nullopt};
    const auto name = name_of(transport);
    if (!name) return failure(SocketProblem::NameTooLong, address, ENAMETOOLONG);
    BoundSocket bound{FileDescriptor(::socket(AF_UNIX, kSocketFlags, 0)), address, {}};
    if (!bound.socket) return failure(SocketProblem::CannotCreate, address, errno);
    if (::bind(bound.socket.get(), name->get(), name->length) != 0) {
        return failure(SocketProblem::CannotBind, address, errno);
    }
    return bound;
}

Result<BoundSocket, SocketError> bind_path(const UnixPath& transport) {
    remove_stale_socket(transport.path);
    auto bound = bind_named(transport);
    if (!bound) return bound;
    bound->file = SocketFile(transport.path);
    constexpr mode_t kEverybody = S_IRWXU | S_IRWXG | S_IRWXO;
    // Who may talk is decided by authentication and policy, not by the umask.
    if (::chmod(transport.path.c_str(), kEverybody) != 0) {
        return failure(SocketProblem::CannotSetMode, bound->address, errno);
    }
    return bound;
}

std::vector<BoundSocket> only(BoundSocket bound) {
    std::vector<BoundSocket> sockets;
    sockets.push_back(std::move(bound));
    return sockets;
}

Sockets inherit_sockets(const Address& address) {
    // The variables are unset, so that neither children nor a second `systemd:` take them again.
    const int count = ::sd_listen_fds(1);
    if (count <= 0) return failure(SocketProblem::NothingInherited, address, -count);
    std::vector<FileDescriptor> sockets;
    sockets.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i)
        sockets.emplace_back(SD_LISTEN_FDS_START + i);
    return adopt_sockets(std::move(sockets));
}

/// Binds one address: a case for each transport.
class Binder {
public:
    Binder(const Address& address, std::string_view runtime_directory)
        : address_(address), runtime_directory_(runtime_directory) {}

    Sockets operator()(const UnixPath& transport) const { return wrap(bind_path(transport)); }
    Sockets operator()(const UnixDirectory& transport) const {
        const std::string name = "/dbus-" + random_alphanumerics(10);
        return wrap(bind_path({transport.directory + name}));
    }
    Sockets operator()(const UnixRuntime&) const {
        if (runtime_directory_.empty()) return refuse(SocketProblem::NoRuntimeDirectory);
        return wrap(bind_path({std::string(runtime_directory_) + "/bus"}));
    }
    Sockets operator()(const UnixAbstract& transport) const { return wrap(bind_named(transport)); }
    Sockets operator()(const SystemdSockets&) const { return inherit_sockets(address_); }
    Sockets operator()(const TcpEndpoint&) const { return refuse(SocketProblem::TcpRefused); }
    Sockets operator()(const NonceTcpEndpoint&) const { return refuse(SocketProblem::TcpRefused); }
    Sockets operator()(const UnixExec&) const { return refuse(SocketProblem::NotForServers); }
    Sockets operator()(const LaunchdVariable&) const {
        return refuse(SocketProblem::NotForServers);
    }
    Sockets operator()(const Autolaunch&) const { return refuse(SocketProblem::NotForServers); }
    Sockets operator()(const UnknownTransport&) const {
        return refuse(SocketProblem::UnknownTransport);
    }

private:
    static Sockets wrap(Result<BoundSocket, SocketError> bound) {
        if (!bound) return Unexpected{bound.error()};
        return only(*std::move(bound));
    }
    [[nodiscard]] Sockets refuse(SocketProblem problem) const { return failure(problem, address_); }

    const Address& address_;
    std::string_view runtime_directory_;
};

/// The transport of a bound socket; none where it has no name that an address can say.
std::optional<Transport> transport_of(const FileDescriptor& socket) {
    UnixName name;
    name.length = sizeof name.raw;
    if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&name.raw), &name.length) != 0) {
        return std::nullopt;
    }
    constexpr std::size_t kStart = offsetof(sockaddr_un, sun_path);
    if (name.length <= kStart || name.length > sizeof name.raw) return std::nullopt;
    std::string_view text(name.raw.sun_path, name.length - kStart);
    const bool is_abstract = text.front() == '\0';
    if (is_abstract) {
        text.remove_prefix(1);
    } else if (text.back() == '\0') {
        text.remove_suffix(1);
    }
    if (text.empty() || text.find('\0') != std::string_view::npos) return std::nullopt;
    if (is_abstract) return UnixAbstract{std::string(text)};
    return UnixPath{std::string(text)};
}

Result<BoundSocket, SocketError> adopt_socket(FileDescriptor socket) {
    const Address inherited{SystemdSockets{}, std::nullopt};
    constexpr int kListening = 1;
    if (::sd_is_socket(socket.get(), AF_UNIX, SOCK_STREAM, kListening) <= 0) {
        return failure(SocketProblem::InheritedUnusable, inherited);
    }
    const auto transport = transport_of(socket);
    if (!transport) return failure(SocketProblem::InheritedUnusable, inherited);
    const int flags = ::fcntl(socket.get(), F_GETFL);
    if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0 ||
        ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC) != 0) {
        return failure(SocketProblem::InheritedUnusable, inherited, errno);
    }
    return BoundSocket{std::move(socket), {*transport, std::nullopt}, {}};
}

Result<FileDescriptor, SocketError> connect_named(const std::optional<UnixName>& name,
                                                  const Address& address) {
    if (!name) return failure(SocketProblem::NameTooLong, address, ENAMETOOLONG);
    FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) return failure(SocketProblem::CannotCreate, address, errno);
    int result = 0;
    do {
        result = ::connect(socket.get(), name->get(), name->length);
    } while (result != 0 && errno == EINTR);
    // Non-blocking only now: a full queue would be EAGAIN, and there is nothing to wait on.
    if (result != 0 || ::fcntl(socket.get(), F_SETFL, O_RDWR | O_NONBLOCK) != 0) {
        return failure(SocketProblem::CannotConnect, address, errno);
    }
    return socket;
}

}  // namespace

std::string_view describe(SocketProblem problem) {
    switch (problem) {
        case SocketProblem::TcpRefused:
            return "TCP is not supported: it carries neither credentials nor descriptors";
        case SocketProblem::NotForServers: return "nothing can listen on this transport";
        case SocketProblem::NotForClients: return "nothing can connect to this transport";
        case SocketProblem::UnknownTransport: return "unknown transport";
        case SocketProblem::NoRuntimeDirectory: return "XDG_RUNTIME_DIR is not set";
        case SocketProblem::NameTooLong: return "the socket's name is too long";
        case SocketProblem::NothingInherited: return "no socket was passed to this process";
        case SocketProblem::InheritedUnusable:
            return "a passed descriptor is not a listening unix stream socket with a name";
        case SocketProblem::CannotCreate: return "cannot create a socket";
        case SocketProblem::CannotBind: return "cannot bind the socket";
        case SocketProblem::CannotSetMode: return "cannot set the mode of the socket";
        case SocketProblem::CannotListen: return "cannot listen on the socket";
        case SocketProblem::CannotConnect: return "cannot connect";
    }
    return "unknown problem";
}

std::string describe(const SocketError& error) {
    std::string text = fmt::format("{}: {}", error.address, describe(error.problem));
    if (error.system_error != 0) text += fmt::format(": {}", std::strerror(error.system_error));
    return text;
}

std::string describe(std::span<const SocketError> errors) {
    std::string text;
    for (const SocketError& error : errors) {
        if (!text.empty()) text += "; ";
        text += describe(error);
    }
    return text;
}

SocketFile::SocketFile(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return;
    std::error_code failed;
    path_ = std::filesystem::absolute(path, failed).string();
    device_ = status.st_dev;
    inode_ = status.st_ino;
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
    if (this == &other) return *this;
    remove();
    path_ = std::exchange(other.path_, {});
    device_ = other.device_;
    inode_ = other.inode_;
    return *this;
}

void SocketFile::remove() {
    if (path_.empty()) return;
    // Another server may have put its own in the place by now.
    struct stat status {};
    if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
        status.st_ino == inode_) {
        ::unlink(path_.c_str());
    }
    path_.clear();
}

Sockets bind_address(const Address& address, std::string_view runtime_directory) {
    return std::visit(Binder(address, runtime_directory), address.transport);
}

Result<std::vector<BoundSocket>, std::vector<SocketError>> bind_first(
    std::span<const Address> addresses, std::string_view runtime_directory) {
    std::vector<SocketError> errors;
    for (const Address& address : addresses) {
        auto sockets = bind_address(address, runtime_directory);
        if (sockets) return *std::move(sockets);
        errors.push_back(sockets.error());
    }
    return Unexpected{std::move(errors)};
}

Sockets adopt_sockets(std::vector<FileDescriptor> sockets) {
    std::vector<BoundSocket> adopted;
    for (FileDescriptor& socket : sockets) {
        auto bound = adopt_socket(std::move(socket));
        if (!bound) return Unexpected{bound.error()};
        adopted.push_back(*std::move(bound));
    }
    return adopted;
}

Result<void, SocketError> start_listening(const BoundSocket& socket) {
    if (::listen(socket.socket.get(), SOMAXCONN) != 0) {
        return failure(SocketProblem::CannotListen, socket.address, errno);
    }
    return {};
}

std::string advertised_address(std::span<const BoundSocket> sockets, const Guid& guid) {
    std::vector<Address> addresses;
    for (const BoundSocket& socket : sockets) {
        addresses.push_back({socket.address.transport, guid});
    }
    return format_addresses(addresses);
}

Result<FileDescriptor, SocketError> connect_to(const Address& address) {
    if (const auto* path = std::get_if<UnixPath>(&address.transport)) {
        return connect_named(name_of(*path), address);
    }
    if (const auto* abstract = std::get_if<UnixAbstract>(&address.transport)) {
        return connect_named(name_of(*abstract), address);
    }
    if (std::holds_alternative<TcpEndpoint>(address.transport) ||
        std::holds_alternative<NonceTcpEndpoint>(address.transport)) {
        return failure(SocketProblem::TcpRefused, address);
    }
    if (std::holds_alternative<UnknownTransport>(address.transport)) {
        return failure(SocketProblem::UnknownTransport, address);
    }
    return failure(SocketProblem::NotForClients, address);
}

Result<ConnectedSocket, std::vector<SocketError>> connect_to_first(
    std::span<const Address> addresses) {
    std::vector<SocketError> errors;
    for (const Address& address : addresses) {
        auto socket = connect_to(address);
        if (socket) return ConnectedSocket{*std::move(socket), address};
        errors.push_back(socket.error());
    }
    return Unexpected{std::move(errors)};
}

int unread_by_peer(int socket) {
    int bytes = -1;
    return ::ioctl(socket, SIOCOUTQ, &bytes) < 0 ? -1 : bytes;
}

}  // namespace buzon::bus
