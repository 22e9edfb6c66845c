// SPDX-License-Identifier: Apache-2.0
// Constants of the wire protocol and of the bus: limits, codes, flags, well-known texts.
// Sizes are in bytes. Source: D-Bus Specification 0.43, "Message Protocol" and "Message Bus".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace buzon::bus {

inline constexpr std::size_t kMaxMessageBytes = std::size_t{1} << 27;
inline constexpr std::size_t kMaxArrayBytes = std::size_t{1} << 26;
/// Of header fields. Ours: the specification says as much as for any array, but they are checked in
/// one go, which takes 3 ms for these.
inline constexpr std::size_t kMaxFieldsBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxNameBytes = 255;
inline constexpr std::size_t kMaxSignatureBytes = 255;
/// Arrays, structs and dict entries nest at most this deep each, in one signature.
inline constexpr unsigned kMaxTypeDepth = 32;
/// Containers of any kind, variants included, nest at most this deep in a value.
inline constexpr unsigned kMaxValueDepth = 64;
inline constexpr std::size_t kFixedHeaderBytes = 16;
inline constexpr std::uint8_t kProtocolVersion = 1;

enum class ByteOrder : std::uint8_t { Little = 'l', Big = 'B' };

/// Values outside 1…4 parse too (a broker must answer them); they are never relayed.
enum class MessageType : std::uint8_t { MethodCall = 1, MethodReturn = 2, Error = 3, Signal = 4 };

enum class FieldCode : std::uint8_t {
    Path = 1,
    Interface = 2,
    Member = 3,
    ErrorName = 4,
    ReplySerial = 5,
    Destination = 6,
    Sender = 7,
    Signature = 8,
    UnixFds = 9,
    ContainerInstance = 10,
};

inline constexpr std::uint8_t kFlagNoReplyExpected = 0x1;
inline constexpr std::uint8_t kFlagNoAutoStart = 0x2;
inline constexpr std::uint8_t kFlagAllowInteractiveAuthorization = 0x4;

inline constexpr std::string_view kDriverName = "org.freedesktop.DBus";
inline constexpr std::string_view kDriverPath = "/org/freedesktop/DBus";
inline constexpr std::string_view kLocalInterface = "org.freedesktop.DBus.Local";
inline constexpr std::string_view kLocalPath = "/org/freedesktop/DBus/Local";

inline constexpr std::uint32_t kNameAllowReplacement = 0x1;
inline constexpr std::uint32_t kNameReplaceExisting = 0x2;
inline constexpr std::uint32_t kNameDoNotQueue = 0x4;

namespace error_name {
inline constexpr std::string_view kFailed = "org.freedesktop.DBus.Error.Failed";
inline constexpr std::string_view kNoMemory = "org.freedesktop.DBus.Error.NoMemory";
inline constexpr std::string_view kServiceUnknown = "org.freedesktop.DBus.Error.ServiceUnknown";
inline constexpr std::string_view kNameHasNoOwner = "org.freedesktop.DBus.Error.NameHasNoOwner";
inline constexpr std::string_view kNoReply = "org.freedesktop.DBus.Error.NoReply";
inline constexpr std::string_view kBadAddress = "org.freedesktop.DBus.Error.BadAddress";
inline constexpr std::string_view kNotSupported = "org.freedesktop.DBus.Error.NotSupported";
inline constexpr std::string_view kLimitsExceeded = "org.freedesktop.DBus.Error.LimitsExceeded";
inline constexpr std::string_view kAccessDenied = "org.freedesktop.DBus.Error.AccessDenied";
inline constexpr std::string_view kInvalidArgs = "org.freedesktop.DBus.Error.InvalidArgs";
inline constexpr std::string_view kFileNotFound = "org.freedesktop.DBus.Error.FileNotFound";
inline constexpr std::string_view kInvalidFileContent =
    "org.freedesktop.DBus.Error.InvalidFileContent";
inline constexpr std::string_view kUnknownMethod = "org.freedesktop.DBus.Error.UnknownMethod";
inline constexpr std::string_view kUnknownObject = "org.freedesktop.DBus.Error.UnknownObject";
inline constexpr std::string_view kUnknownInterface = "org.freedesktop.DBus.Error.UnknownInterface";
inline constexpr std::string_view kUnknownProperty = "org.freedesktop.DBus.Error.UnknownProperty";
inline constexpr std::string_view kPropertyReadOnly = "org.freedesktop.DBus.Error.PropertyReadOnly";
inline constexpr std::string_view kTimedOut = "org.freedesktop.DBus.Error.TimedOut";
inline constexpr std::string_view kMatchRuleNotFound =
    "org.freedesktop.DBus.Error.MatchRuleNotFound";
inline constexpr std::string_view kMatchRuleInvalid = "org.freedesktop.DBus.Error.MatchRuleInvalid";
inline constexpr std::string_view kUnixProcessIdUnknown =
    "org.freedesktop.DBus.Error.UnixProcessIdUnknown";
inline constexpr std::string_view kAdtAuditDataUnknown =
    "org.freedesktop.DBus.Error.AdtAuditDataUnknown";
inline constexpr std::string_view kSelinuxSecurityContextUnknown =
    "org.freedesktop.DBus.Error.SELinuxSecurityContextUnknown";
}  // namespace error_name

}  // namespace buzon::bus
