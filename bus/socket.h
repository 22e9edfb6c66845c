// SPDX-License-Identifier: Apache-2.0
// Sockets for addresses: bind, listen, connect. Stream sockets of the unix family only;
// every other transport is refused by name. All are close-on-exec and non-blocking.
// Binding and listening are two steps, because SO_PEERCRED shows clients whoever called listen()
// last, and that has to be the process that serves them.
// Errors are values that know the address, the problem and errno.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "bus/address.h"
#include "bus/base/file_descriptor.h"
#include "bus/base/result.h"
#include "bus/guid.h"

namespace buzon::bus {

enum class SocketProblem : std::uint8_t {
    TcpRefused,
    NotForServers,
    NotForClients,
    UnknownTransport,
    NoRuntimeDirectory,
    NameTooLong,
    NothingInherited,
    InheritedUnusable,  // not a listening unix stream socket with a name
    CannotCreate,
    CannotBind,
    CannotSetMode,
    CannotListen,
    CannotConnect,
};

[[nodiscard]] std::string_view describe(SocketProblem problem);

struct SocketError {
    SocketProblem problem;
    std::string address;   // as in a configuration
    int system_error = 0;  // errno, where a system call failed
};

/// One line, "unix:path=/x: cannot bind the socket: Permission denied".
[[nodiscard]] std::string describe(const SocketError& error);
/// The lines of a list's entries, joined by "; ".
[[nodiscard]] std::string describe(std::span<const SocketError> errors);

/// The file of a bound socket. Unlinks it at its end, if it is still the one that was bound.
class SocketFile {
public:
    SocketFile() = default;
    /// Takes over the file at `path`; none, where there is none.
    explicit SocketFile(const std::string& path);
    /// The file that was at `path`, wherever that was found out. Nothing is looked up.
    SocketFile(std::string path, dev_t device, ino_t inode)
        : path_(std::move(path)), device_(device), inode_(inode) {}
    SocketFile(const SocketFile&) = delete;
    SocketFile& operator=(const SocketFile&) = delete;
    SocketFile(SocketFile&& other) noexcept;
    SocketFile& operator=(SocketFile&& other) noexcept;
    ~SocketFile() { remove(); }

    /// Absolute, so that it outlives a chdir(); empty for none.
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] dev_t device() const { return device_; }
    [[nodiscard]] ino_t inode() const { return inode_; }
    void remove();
    /// Leaves the file where it is.
    void release() { path_.clear(); }

private:
    std::string path_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

struct BoundSocket {
    FileDescriptor socket;
    /// What a client connects to; no GUID.
    Address address;
    /// None for abstract names, and for inherited sockets: whoever bound them unlinks them.
    SocketFile file;
};

/// Binds what `address` asks for: one socket, or the inherited ones for `systemd:`, which are then
/// taken over and not given out again.
/// A file at the path is replaced if it is a socket; the new one may be used by everybody.
/// `runtime_directory` is `$XDG_RUNTIME_DIR`, or empty.
Result<std::vector<BoundSocket>, SocketError> bind_address(const Address& address,
                                                           std::string_view runtime_directory);
/// The first entry of a list that can be bound. Errors: that of each entry.
Result<std::vector<BoundSocket>, std::vector<SocketError>> bind_first(
    std::span<const Address> addresses, std::string_view runtime_directory);
/// Checks sockets that somebody else has bound and made listen, and finds out their addresses.
Result<std::vector<BoundSocket>, SocketError> adopt_sockets(std::vector<FileDescriptor> sockets);

/// From now on clients can connect, and see this process as their peer.
Result<void, SocketError> start_listening(const BoundSocket& socket);
/// What to tell clients: the addresses joined by `;`, each with `guid`.
[[nodiscard]] std::string advertised_address(std::span<const BoundSocket> sockets,
                                             const Guid& guid);

/// Waits where the server's queue is full.
Result<FileDescriptor, SocketError> connect_to(const Address& address);

struct ConnectedSocket {
    FileDescriptor socket;
    Address address;
};
/// The first entry of a list that can be connected to. Errors: that of each entry.
Result<ConnectedSocket, std::vector<SocketError>> connect_to_first(
    std::span<const Address> addresses);

/// What the other side has not read yet of what was written to `socket`, in bytes of kernel memory;
/// -1 where the kernel does not tell. Not only large amounts: a socket that was full becomes
/// writable again only when most of it has been read.
[[nodiscard]] int unread_by_peer(int socket);

}  // namespace buzon::bus
