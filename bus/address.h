// SPDX-License-Identifier: Apache-2.0
// Server addresses: `transport:key=value,…;transport:…` to typed, checked values and back.
// Parsing judges text only: whether one can listen on or connect to the result is bus/socket's
// affair, and a transport that nobody knows is kept, because a later entry of the list may do.
// Errors: AddressError names the first violation. Where a key stands twice, the first counts.
// Source: D-Bus Specification, "Server Addresses".
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bus/base/result.h"
#include "bus/guid.h"

namespace buzon::bus {

enum class AddressError : std::uint8_t {
    Empty,            // no address at all
    MissingColon,     // also an empty entry that is not the last
    MissingValue,     // no `=`, or nothing before or behind it
    BadEscape,        // `%` without two hexadecimal digits
    UnescapedByte,    // a byte outside [-0-9A-Za-z_/.\*] as it is
    NulByte,          // `%00`
    NoSocketKey,      // unix: without path, dir, tmpdir, runtime or abstract
    TwoSocketKeys,    // unix: with more than one of them
    BadRuntime,       // runtime= other than yes
    BadPort,          // not a decimal number up to 65535
    BadFamily,        // neither ipv4 nor ipv6
    MissingProgram,   // unixexec: without path
    MissingVariable,  // launchd: without env
    BadGuid,
};

[[nodiscard]] std::string_view describe(AddressError error);

/// `unix:path=`. Compat: a relative path is accepted, as dbus-daemon accepts it.
struct UnixPath {
    std::string path;
    friend bool operator==(const UnixPath&, const UnixPath&) = default;
};
/// `unix:dir=` and `unix:tmpdir=`, which mean the same. Listen only.
struct UnixDirectory {
    std::string directory;
    friend bool operator==(const UnixDirectory&, const UnixDirectory&) = default;
};
/// `unix:runtime=yes`, that is `$XDG_RUNTIME_DIR/bus`. Listen only.
struct UnixRuntime {
    friend bool operator==(const UnixRuntime&, const UnixRuntime&) = default;
};
/// `unix:abstract=`; the name without the NUL that stands before it in the kernel.
struct UnixAbstract {
    std::string name;
    friend bool operator==(const UnixAbstract&, const UnixAbstract&) = default;
};
/// `systemd:`, the inherited sockets. Listen only.
struct SystemdSockets {
    friend bool operator==(const SystemdSockets&, const SystemdSockets&) = default;
};
enum class IpFamily : std::uint8_t { Any, Ipv4, Ipv6 };
/// `tcp:` and `nonce-tcp:`; parsed so that they can be refused by name.
struct TcpEndpoint {
    std::string host = "localhost";
    std::optional<std::string> bind;  // absent: the same as host; `*`: all interfaces
    std::uint16_t port = 0;           // 0: the kernel chooses
    IpFamily family = IpFamily::Any;
    friend bool operator==(const TcpEndpoint&, const TcpEndpoint&) = default;
};
struct NonceTcpEndpoint {
    TcpEndpoint endpoint;
    std::optional<std::string> nonce_file;
    friend bool operator==(const NonceTcpEndpoint&, const NonceTcpEndpoint&) = default;
};
/// `unixexec:`. Connect only. `arguments` begins with argv0, by default the path.
struct UnixExec {
    std::string path;
    std::vector<std::string> arguments;
    friend bool operator==(const UnixExec&, const UnixExec&) = default;
};
/// `launchd:`, of macOS.
struct LaunchdVariable {
    std::string variable;
    friend bool operator==(const LaunchdVariable&, const LaunchdVariable&) = default;
};
/// `autolaunch:`. Connect only.
struct Autolaunch {
    std::optional<std::string> scope;
    friend bool operator==(const Autolaunch&, const Autolaunch&) = default;
};
struct UnknownTransport {
    std::string name;
    friend bool operator==(const UnknownTransport&, const UnknownTransport&) = default;
};

using Transport = std::variant<UnixPath,
                               UnixDirectory,
                               UnixRuntime,
                               UnixAbstract,
                               SystemdSockets,
                               TcpEndpoint,
                               NonceTcpEndpoint,
                               UnixExec,
                               LaunchdVariable,
                               Autolaunch,
                               UnknownTransport>;

struct Address {
    Transport transport;
    /// The identity that a client expects of the server. A server ignores it and has its own.
    std::optional<Guid> guid;
    friend bool operator==(const Address&, const Address&) = default;
};

/// One entry, without `;`.
Result<Address, AddressError> parse_address(std::string_view text);
/// A list in its order, never empty; one `;` at the end is fine.
/// Compat: dbus-daemon reads the keys of an entry only when those before it have failed; here a
/// violation anywhere fails the list.
Result<std::vector<Address>, AddressError> parse_addresses(std::string_view text);

/// The canonical text, which parses to an equal value; `tmpdir=` comes out as `dir=`.
[[nodiscard]] std::string format_address(const Address& address);
/// Entries joined by `;`.
[[nodiscard]] std::string format_addresses(std::span<const Address> addresses);
/// "unix", "tcp" …, for messages.
[[nodiscard]] std::string_view transport_name(const Transport& transport);

/// Every byte outside [-0-9A-Za-z_/.\*] becomes `%xx`, in lower case.
[[nodiscard]] std::string escape_address_value(std::string_view value);
/// Errors: BadEscape, UnescapedByte, NulByte.
Result<std::string, AddressError> unescape_address_value(std::string_view text);

}  // namespace buzon::bus
