// SPDX-License-Identifier: Apache-2.0
// What broker and launcher say to each other: method calls of the broker, their returns and errors,
// and, during a Load, signals with the parts of the policy. Errors have the names that clients see,
// and a text for people as their only argument. Marshalling both ways; no I/O.
// Errors: a body that is not what its member says is a value, whoever sent it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/start_settings.h"
#include "bus/auth_server.h"
#include "bus/base/result.h"
#include "bus/message.h"
#include "bus/wire_writer.h"
#include "policy/policy_wire.h"

namespace buzon::broker {

inline constexpr std::string_view kLauncherPath = "/org/buzon/Launcher";
inline constexpr std::string_view kLauncherInterface = "org.buzon.Launcher1";

enum class LauncherRequest : std::uint8_t {
    Load,           // reads the configuration; answered by PolicyHead, PolicyRules…, and the rest
    Bind,           // binds an address of the configuration; its files are the launcher's to remove
    Settle,         // the start is over: gives up what it took rights for
    Adopt,          // takes over the socket files of a launcher that has gone
    MakeSpare,      // forks another launcher, a child of the broker, with a link of its own
    WritePidfile,   // makes the pidfile, which is the launcher's to remove
    GiveCookie,     // a cookie of the keyring in a directory
    NameProcesses,  // what processes are called, for the log
};

struct LauncherMethod {
    LauncherRequest request;
    std::string_view member;
    std::string_view in;
    std::string_view out;
};

[[nodiscard]] const LauncherMethod& method_of(LauncherRequest request);
/// Null where there is none.
[[nodiscard]] const LauncherMethod* find_launcher_method(std::string_view member);

/// Signals before the return of Load; their reply serial is that of the call.
inline constexpr std::string_view kPolicyHeadMember = "PolicyHead";
inline constexpr std::string_view kPolicyRulesMember = "PolicyRules";

enum class ProtocolError : std::uint8_t { Malformed, OutOfRange };

/// One file of a bound socket, as it was when it was bound.
struct SocketFileFacts {
    std::string path;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
};

/// The pidfile and the pid in it.
struct PidfileFacts {
    std::string path;
    std::uint32_t pid = 0;
};

/// What a launcher removes at its end.
struct LauncherFiles {
    std::vector<SocketFileFacts> sockets;
    std::optional<PidfileFacts> pidfile;
};

struct SettleOrder {
    std::optional<Identity> identity;
    bool in_background = false;  // else the working directory stays what it is
    bool reset_umask = false;
    bool keep_standard_error = true;
    std::vector<std::string> transient_directories;
};

/// Each socket with its address; the descriptors stand in the message in the same order.
struct BoundAnswer {
    std::string address;
    SocketFileFacts file;  // without path: none
};

/// A process whose name is wanted.
struct ProcessFacts {
    std::uint32_t pid = 0;
    /// Which of the message's descriptors is its pidfd.
    std::optional<std::uint32_t> descriptor;
    std::uint64_t connected_at = 0;  // nanoseconds since the machine has started
};

[[nodiscard]] policy::WireBody body_of(const bus::Message& message);

void write_loaded(const LoadedSettings& loaded, bus::WireWriter& body);
bus::Result<LoadedSettings, ProtocolError> read_loaded(const policy::WireBody& body);

void write_settle(const SettleOrder& order, bus::WireWriter& body);
bus::Result<SettleOrder, ProtocolError> read_settle(const policy::WireBody& body);

void write_files(const LauncherFiles& files, bus::WireWriter& body);
bus::Result<LauncherFiles, ProtocolError> read_files(const policy::WireBody& body);

void write_pidfile(const PidfileFacts& pidfile, bus::WireWriter& body);
bus::Result<PidfileFacts, ProtocolError> read_pidfile(const policy::WireBody& body);

void write_bound(std::span<const BoundAnswer> sockets, bus::WireWriter& body);
bus::Result<std::vector<BoundAnswer>, ProtocolError> read_bound(const policy::WireBody& body);

void write_texts(std::span<const std::string> texts, bus::WireWriter& body);
bus::Result<std::vector<std::string>, ProtocolError> read_texts(const policy::WireBody& body);

void write_processes(std::span<const ProcessFacts> processes, bus::WireWriter& body);
bus::Result<std::vector<ProcessFacts>, ProtocolError> read_processes(const policy::WireBody& body);

void write_cookie(const bus::AuthCookie& cookie, bus::WireWriter& body);
bus::Result<bus::AuthCookie, ProtocolError> read_cookie(const policy::WireBody& body);

/// The only argument of Bind, GiveCookie, of errors, and of the answer to WritePidfile.
bus::Result<std::string, ProtocolError> read_text(const policy::WireBody& body);
/// The only argument of Load.
bus::Result<bool, ProtocolError> read_flag(const policy::WireBody& body);
/// The pid of a spare; its link is the message's descriptor.
bus::Result<std::uint32_t, ProtocolError> read_spare(const policy::WireBody& body);

/// `text` as it may stand in a message: what is not UTF-8 is escaped.
[[nodiscard]] std::string sendable(const std::string& text);

}  // namespace buzon::broker
