// SPDX-License-Identifier: Apache-2.0
#include "bus/address.h"

#include <gtest/gtest.h>

#include <optional>

namespace buzon::bus {
namespace {

using namespace std::string_view_literals;

const struct {
    std::string_view about, text;
    Transport transport;
} kValid[] = {
    {"path", "unix:path=/run/bus", UnixPath{"/run/bus"}},
    {"every byte that needs no escape", "unix:path=-0-9A-Za-z_/.\\*", UnixPath{"-0-9A-Za-z_/.\\*"}},
    {"escapes of both cases", "unix:path=/a%20b%3d%3D%ff", UnixPath{"/a b==\xff"}},
    {"escape of a byte that needs none", "unix:path=/%6c1", UnixPath{"/l1"}},
    {"comma at the end", "unix:path=/a,", UnixPath{"/a"}},
    {"relative path", "unix:path=bus", UnixPath{"bus"}},
    {"the first of equal keys counts", "unix:path=/a,path=/b", UnixPath{"/a"}},
    {"unknown keys are skipped", "unix:zoo=1,path=/a,bind=x", UnixPath{"/a"}},
    {"dir", "unix:dir=/tmp", UnixDirectory{"/tmp"}},
    {"tmpdir", "unix:tmpdir=/tmp", UnixDirectory{"/tmp"}},
    {"runtime", "unix:runtime=yes", UnixRuntime{}},
    {"the first runtime counts", "unix:runtime=yes,runtime=no", UnixRuntime{}},
    {"abstract", "unix:abstract=/tmp/dbus-x", UnixAbstract{"/tmp/dbus-x"}},
    {"systemd", "systemd:", SystemdSockets{}},
    {"systemd takes no keys and minds none", "systemd:foo=bar", SystemdSockets{}},
    {"tcp with defaults", "tcp:", TcpEndpoint{}},
    {"tcp with all keys", "tcp:host=a.example,bind=*,port=4242,family=ipv6",
     TcpEndpoint{"a.example", "*", 4242, IpFamily::Ipv6}},
    {"tcp, ipv4, highest port", "tcp:host=%3a%3a1,port=65535,family=ipv4",
     TcpEndpoint{"::1", std::nullopt, 65535, IpFamily::Ipv4}},
    {"nonce-tcp to listen on", "nonce-tcp:port=0", NonceTcpEndpoint{{}, std::nullopt}},
    {"nonce-tcp to connect to", "nonce-tcp:host=h,port=1,noncefile=/tmp/n",
     NonceTcpEndpoint{{"h", std::nullopt, 1, IpFamily::Any}, "/tmp/n"}},
    {"unixexec", "unixexec:path=ssh", UnixExec{"ssh", {"ssh"}}},
    {"unixexec with arguments", "unixexec:path=/bin/a,argv0=b,argv2=d,argv1=c",
     UnixExec{"/bin/a", {"b", "c", "d"}}},
    {"unixexec stops at the first gap", "unixexec:path=a,argv1=b,argv3=d",
     UnixExec{"a", {"a", "b"}}},
    {"launchd", "launchd:env=DBUS_SOCKET", LaunchdVariable{"DBUS_SOCKET"}},
    {"autolaunch", "autolaunch:", Autolaunch{}},
    {"autolaunch with scope", "autolaunch:scope=%2auser", Autolaunch{"*user"}},
    {"unknown transport", "foo:bar=baz", UnknownTransport{"foo"}},
    {"transports are case-sensitive", "UNIX:path=/a", UnknownTransport{"UNIX"}},
    {"blanks are part of the name", " unix:path=/a", UnknownTransport{" unix"}},
    {"no transport", ":path=/a", UnknownTransport{""}},
};

TEST(ParseAddress, GivesTypedValues) {
    for (const auto& [about, text, transport] : kValid) {
        const auto address = parse_address(text);
        ASSERT_TRUE(address) << about << ": " << describe(address.error());
        EXPECT_EQ(address->transport, transport) << about;
        EXPECT_EQ(address->guid, std::nullopt) << about;
    }
}

TEST(ParseAddress, TakesTheGuidApart) {
    const auto address = parse_address("unix:path=/a,guid=0123456789abcdef0123456789abcdef");
    ASSERT_TRUE(address);
    EXPECT_EQ(address->transport, Transport{UnixPath{"/a"}});
    ASSERT_TRUE(address->guid);
    EXPECT_EQ(address->guid->to_string(), "0123456789abcdef0123456789abcdef");
}

// Each but the last group as dbus-daemon refuses it with BadAddress.
constexpr struct {
    std::string_view about, text;
    AddressError error;
} kBad[] = {
    {"no colon", "unix", AddressError::MissingColon},
    {"key without =", "unix:path", AddressError::MissingValue},
    {"empty value", "unix:path=", AddressError::MissingValue},
    {"empty key", "unix:=x", AddressError::MissingValue},
    {"leading comma", "unix:,path=/a", AddressError::MissingValue},
    {"two commas", "unix:path=/a,,guid=b", AddressError::MissingValue},
    {"keys of unknown transports are read too", "foo:bar", AddressError::MissingValue},
    {"escape cut off", "unix:path=%2", AddressError::BadEscape},
    {"escape without digits", "unix:path=/a%", AddressError::BadEscape},
    {"escape cut off by a comma", "unix:path=/a%2,guid=b", AddressError::BadEscape},
    {"escape that is not hexadecimal", "unix:path=/run/%g0", AddressError::BadEscape},
    {"escape with a sign", "unix:path=/run/%+1", AddressError::BadEscape},
    {"blank", "unix:path=/a b", AddressError::UnescapedByte},
    {"second =", "unix:path=/a=b", AddressError::UnescapedByte},
    {"second colon", "unix:path=/a:b", AddressError::UnescapedByte},
    {"plus", "unix:path=/a+b", AddressError::UnescapedByte},
    {"tilde", "unix:path=~/bus", AddressError::UnescapedByte},
    {"byte above ASCII", "unix:path=/\xc3\xa9", AddressError::UnescapedByte},
    {"raw NUL", "unix:path=/a\0b"sv, AddressError::UnescapedByte},
    {"unix without keys", "unix:", AddressError::NoSocketKey},
    {"keys are not unescaped", "unix:pa%74h=/a", AddressError::NoSocketKey},
    {"path and abstract", "unix:path=/a,abstract=b", AddressError::TwoSocketKeys},
    {"path and dir", "unix:path=/a,dir=/b", AddressError::TwoSocketKeys},
    {"dir and tmpdir", "unix:dir=/a,tmpdir=/b", AddressError::TwoSocketKeys},
    {"runtime and path", "unix:runtime=yes,path=/b", AddressError::TwoSocketKeys},
    {"runtime=no", "unix:runtime=no", AddressError::BadRuntime},
    {"port with letters", "tcp:port=http", AddressError::BadPort},
    {"port with a sign", "tcp:port=-1", AddressError::BadPort},
    {"family", "tcp:family=ipx", AddressError::BadFamily},
    {"unixexec without path", "unixexec:argv0=a", AddressError::MissingProgram},
    {"launchd without env", "launchd:", AddressError::MissingVariable},
    // dbus-daemon takes these: it cuts at the NUL, wraps the port round, ignores the guid.
    {"escaped NUL", "unix:path=/a%00b", AddressError::NulByte},
    {"port too high", "tcp:port=65536", AddressError::BadPort},
    {"guid too short", "unix:path=/a,guid=01", AddressError::BadGuid},
    {"guid that is not hexadecimal", "unix:path=/a,guid=0123456789abcdef0123456789abcdeg",
     AddressError::BadGuid},
};

TEST(ParseAddress, NamesTheFirstViolation) {
    for (const auto& [about, text, error] : kBad) {
        const auto address = parse_address(text);
        EXPECT_EQ(address ? std::nullopt : std::optional{address.error()}, error) << about;
    }
}

TEST(ParseAddresses, KeepsTheOrder) {
    const auto list = parse_addresses("foo:;unix:runtime=yes;unix:path=/a");
    ASSERT_TRUE(list);
    ASSERT_EQ(list->size(), 3U);
    EXPECT_EQ((*list)[0].transport, Transport{UnknownTransport{"foo"}});
    EXPECT_EQ((*list)[1].transport, Transport{UnixRuntime{}});
    EXPECT_EQ((*list)[2].transport, Transport{UnixPath{"/a"}});
}

TEST(ParseAddresses, TakesOneSemicolonAtTheEnd) {
    const auto list = parse_addresses("unix:path=/a;");
    ASSERT_TRUE(list);
    EXPECT_EQ(list->size(), 1U);
}

constexpr struct {
    std::string_view about, text;
    AddressError error;
} kBadLists[] = {
    {"nothing", "", AddressError::Empty},
    {"semicolon only", ";", AddressError::MissingColon},
    {"leading semicolon", ";unix:path=/a", AddressError::MissingColon},
    {"empty entry between", "unix:path=/a;;unix:path=/b", AddressError::MissingColon},
    {"two semicolons at the end", "unix:path=/a;;", AddressError::MissingColon},
    {"violation in a later entry", "unix:path=/a;unix:path=%2", AddressError::BadEscape},
};

TEST(ParseAddresses, NamesTheFirstViolation) {
    for (const auto& [about, text, error] : kBadLists) {
        const auto list = parse_addresses(text);
        EXPECT_EQ(list ? std::nullopt : std::optional{list.error()}, error) << about;
    }
}

TEST(FormatAddress, ParsesBackToTheSameValue) {
    for (const auto& [about, text, transport] : kValid) {
        const Address address{transport, Guid::parse("00112233445566778899aabbccddeeff").value()};
        const auto parsed = parse_address(format_address(address));
        ASSERT_TRUE(parsed) << about << ": " << format_address(address);
        EXPECT_EQ(*parsed, address) << about;
    }
}

TEST(FormatAddress, EscapesInLowerCaseAndPutsTheGuidLast) {
    const Address address{UnixPath{"/run/a=b,c;\xc3\xa9"},
                          Guid::parse("00112233445566778899AABBCCDDEEFF").value()};
    EXPECT_EQ(format_address(address),
              "unix:path=/run/a%3db%2cc%3b%c3%a9,guid=00112233445566778899aabbccddeeff");
}

TEST(FormatAddresses, JoinsWithSemicolons) {
    const Address list[] = {{UnixAbstract{"x"}, std::nullopt}, {SystemdSockets{}, std::nullopt}};
    EXPECT_EQ(format_addresses(list), "unix:abstract=x;systemd:");
}

TEST(EscapeAddressValue, UnescapesToTheSameBytes) {
    std::string every_byte;
    for (int byte = 1; byte < 256; ++byte) {
        every_byte += static_cast<char>(byte);
    }
    EXPECT_EQ(unescape_address_value(escape_address_value(every_byte)).value_or("?"), every_byte);
}

}  // namespace
}  // namespace buzon::bus
