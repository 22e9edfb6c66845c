// SPDX-License-Identifier: Apache-2.0
#include "bus/address.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "bus/base/hex.h"

namespace buzon::bus {
namespace {

bool stands_for_itself(char byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z') ||
           std::string_view("-_/.\\*").find(byte) != std::string_view::npos;
}

/// The keys of one entry, unescaped, in their order.
class KeyValues {
public:
    static Result<KeyValues, AddressError> parse(std::string_view text);
    /// The first value of `key`.
    [[nodiscard]] std::optional<std::string> find(std::string_view key) const;

private:
    Result<void, AddressError> add(std::string_view pair);

    std::vector<std::pair<std::string_view, std::string>> pairs_;
};

Result<KeyValues, AddressError> KeyValues::parse(std::string_view text) {
    KeyValues values;
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        const auto added = values.add(text.substr(0, comma));
        if (!added) return Unexpected{added.error()};
        // A comma at the very end is fine: dbus-daemon takes it.
        text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    }
    return values;
}

Result<void, AddressError> KeyValues::add(std::string_view pair) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0 || equals + 1 == pair.size()) {
        return Unexpected{AddressError::MissingValue};
    }
    auto value = unescape_address_value(pair.substr(equals + 1));
    if (!value) return Unexpected{value.error()};
    pairs_.emplace_back(pair.substr(0, equals), *std::move(value));
    return {};
}

std::optional<std::string> KeyValues::find(std::string_view key) const {
    const auto found =
        std::ranges::find(pairs_, key, &std::pair<std::string_view, std::string>::first);
    if (found == pairs_.end()) return std::nullopt;
    return found->second;
}

using ParsedTransport = Result<Transport, AddressError>;

ParsedTransport parse_unix(const KeyValues& keys) {
    std::optional<Transport> transport;
    int given = 0;
    const auto take = [&](std::string_view key, auto make) {
        auto value = keys.find(key);
        if (!value) return;
        ++given;
        transport = make(*std::move(value));
    };
    take("path", [](std::string value) { return UnixPath{std::move(value)}; });
    take("dir", [](std::string value) { return UnixDirectory{std::move(value)}; });
    take("tmpdir", [](std::string value) { return UnixDirectory{std::move(value)}; });
    take("abstract", [](std::string value) { return UnixAbstract{std::move(value)}; });
    take("runtime", [](const std::string&) { return UnixRuntime{}; });
    if (given == 0) return Unexpected{AddressError::NoSocketKey};
    if (given > 1) return Unexpected{AddressError::TwoSocketKeys};
    if (std::holds_alternative<UnixRuntime>(*transport) && keys.find("runtime") != "yes") {
        return Unexpected{AddressError::BadRuntime};
    }
    return *std::move(transport);
}

ParsedTransport parse_systemd(const KeyValues&) {
    return Transport{SystemdSockets{}};
}

Result<std::uint16_t, AddressError> parse_port(std::string_view digits) {
    std::uint16_t port = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stopped, failure] = std::from_chars(digits.data(), end, port);
    if (failure != std::errc{} || stopped != end) return Unexpected{AddressError::BadPort};
    return port;
}

Result<IpFamily, AddressError> parse_family(std::string_view text) {
    if (text == "ipv4") return IpFamily::Ipv4;
    if (text == "ipv6") return IpFamily::Ipv6;
    return Unexpected{AddressError::BadFamily};
}

Result<TcpEndpoint, AddressError> parse_endpoint(const KeyValues& keys) {
    TcpEndpoint endpoint;
    if (auto host = keys.find("host")) endpoint.host = *std::move(host);
    endpoint.bind = keys.find("bind");
    if (const auto text = keys.find("port")) {
        const auto port = parse_port(*text);
        if (!port) return Unexpected{port.error()};
        endpoint.port = *port;
    }
    if (const auto text = keys.find("family")) {
        const auto family = parse_family(*text);
        if (!family) return Unexpected{family.error()};
        endpoint.family = *family;
    }
    return endpoint;
}

ParsedTransport parse_tcp(const KeyValues& keys) {
    auto endpoint = parse_endpoint(keys);
    if (!endpoint) return Unexpected{endpoint.error()};
    return Transport{*std::move(endpoint)};
}

ParsedTransport parse_nonce_tcp(const KeyValues& keys) {
    auto endpoint = parse_endpoint(keys);
    if (!endpoint) return Unexpected{endpoint.error()};
    return Transport{NonceTcpEndpoint{*std::move(endpoint), keys.find("noncefile")}};
}

ParsedTransport parse_unixexec(const KeyValues& keys) {
    const auto path = keys.find("path");
    if (!path) return Unexpected{AddressError::MissingProgram};
    UnixExec exec{*path, {keys.find("argv0").value_or(*path)}};
    while (auto argument = keys.find(fmt::format("argv{}", exec.arguments.size()))) {
        exec.arguments.push_back(*std::move(argument));
    }
    return Transport{std::move(exec)};
}

ParsedTransport parse_launchd(const KeyValues& keys) {
    auto variable = keys.find("env");
    if (!variable) return Unexpected{AddressError::MissingVariable};
    return Transport{LaunchdVariable{*std::move(variable)}};
}

ParsedTransport parse_autolaunch(const KeyValues& keys) {
    return Transport{Autolaunch{keys.find("scope")}};
}

struct TransportRow {
    std::string_view name;
    ParsedTransport (*parse)(const KeyValues& keys);
};
constexpr TransportRow kTransports[] = {
    {"unix", parse_unix},
    {"systemd", parse_systemd},
    {"tcp", parse_tcp},
    {"nonce-tcp", parse_nonce_tcp},
    {"unixexec", parse_unixexec},
    {"launchd", parse_launchd},
    {"autolaunch", parse_autolaunch},
};

ParsedTransport parse_transport(std::string_view name, const KeyValues& keys) {
    const auto row = std::ranges::find(kTransports, name, &TransportRow::name);
    if (row == std::end(kTransports)) return Transport{UnknownTransport{std::string(name)}};
    return row->parse(keys);
}

/// Writes `name:key=value,…`, and knows where the commas go.
class AddressWriter {
public:
    explicit AddressWriter(std::string_view transport) : text_(transport) { text_ += ':'; }
    void add(std::string_view key, std::string_view value) {
        if (text_.back() != ':') text_ += ',';
        text_ += key;
        text_ += '=';
        text_ += escape_address_value(value);
    }
    [[nodiscard]] std::string take() && { return std::move(text_); }

    void write(const UnixPath& transport) { add("path", transport.path); }
    void write(const UnixDirectory& transport) { add("dir", transport.directory); }
    void write(const UnixRuntime&) { add("runtime", "yes"); }
    void write(const UnixAbstract& transport) { add("abstract", transport.name); }
    void write(const SystemdSockets&) {}
    void write(const TcpEndpoint& transport);
    void write(const NonceTcpEndpoint& transport);
    void write(const UnixExec& transport);
    void write(const LaunchdVariable& transport) { add("env", transport.variable); }
    void write(const Autolaunch& transport) {
        if (transport.scope) add("scope", *transport.scope);
    }
    void write(const UnknownTransport&) {}

private:
    std::string text_;
};

void AddressWriter::write(const TcpEndpoint& transport) {
    add("host", transport.host);
    if (transport.bind) add("bind", *transport.bind);
    add("port", fmt::to_string(transport.port));
    if (transport.family == IpFamily::Ipv4) add("family", "ipv4");
    if (transport.family == IpFamily::Ipv6) add("family", "ipv6");
}

void AddressWriter::write(const NonceTcpEndpoint& transport) {
    write(transport.endpoint);
    if (transport.nonce_file) add("noncefile", *transport.nonce_file);
}

void AddressWriter::write(const UnixExec& transport) {
    add("path", transport.path);
    for (std::size_t i = 0; i < transport.arguments.size(); ++i) {
        add(fmt::format("argv{}", i), transport.arguments[i]);
    }
}

/// std::visit's helper for transport_name().
struct NameOf {
    std::string_view operator()(const UnixPath&) const { return "unix"; }
    std::string_view operator()(const UnixDirectory&) const { return "unix"; }
    std::string_view operator()(const UnixRuntime&) const { return "unix"; }
    std::string_view operator()(const UnixAbstract&) const { return "unix"; }
    std::string_view operator()(const SystemdSockets&) const { return "systemd"; }
    std::string_view operator()(const TcpEndpoint&) const { return "tcp"; }
    std::string_view operator()(const NonceTcpEndpoint&) const { return "nonce-tcp"; }
    std::string_view operator()(const UnixExec&) const { return "unixexec"; }
    std::string_view operator()(const LaunchdVariable&) const { return "launchd"; }
    std::string_view operator()(const Autolaunch&) const { return "autolaunch"; }
    std::string_view operator()(const UnknownTransport& unknown) const { return unknown.name; }
};

}  // namespace

std::string_view describe(AddressError error) {
    switch (error) {
        case AddressError::Empty: return "the address is empty";
        case AddressError::MissingColon: return "an entry has no colon behind its transport";
        case AddressError::MissingValue: return "a key lacks its name, its '=' or its value";
        case AddressError::BadEscape: return "'%' is not followed by two hexadecimal digits";
        case AddressError::UnescapedByte: return "a byte in a value must be written as %xx";
        case AddressError::NulByte: return "a value contains a NUL byte";
        case AddressError::NoSocketKey:
            return "unix: needs one of path, dir, tmpdir, runtime and abstract";
        case AddressError::TwoSocketKeys:
            return "unix: takes only one of path, dir, tmpdir, runtime and abstract";
        case AddressError::BadRuntime: return "the only value of runtime is yes";
        case AddressError::BadPort: return "port is not a number from 0 to 65535";
        case AddressError::BadFamily: return "family is neither ipv4 nor ipv6";
        case AddressError::MissingProgram: return "unixexec: needs path";
        case AddressError::MissingVariable: return "launchd: needs env";
        case AddressError::BadGuid: return "guid does not have 32 hexadecimal digits";
    }
    return "unknown error";
}

Result<Address, AddressError> parse_address(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return Unexpected{AddressError::MissingColon};
    const auto keys = KeyValues::parse(text.substr(colon + 1));
    if (!keys) return Unexpected{keys.error()};
    auto transport = parse_transport(text.substr(0, colon), *keys);
    if (!transport) return Unexpected{transport.error()};

    Address address{*std::move(transport), std::nullopt};
    if (const auto digits = keys->find("guid")) {
        const auto guid = Guid::parse(*digits);
        if (!guid) return Unexpected{AddressError::BadGuid};
        address.guid = *guid;
    }
    return address;
}

Result<std::vector<Address>, AddressError> parse_addresses(std::string_view text) {
    if (text.empty()) return Unexpected{AddressError::Empty};
    std::vector<Address> addresses;
    do {
        const std::size_t semicolon = text.find(';');
        auto address = parse_address(text.substr(0, semicolon));
        if (!address) return Unexpected{address.error()};
        addresses.push_back(*std::move(address));
        text =
            semicolon == std::string_view::npos ? std::string_view{} : text.substr(semicolon + 1);
    } while (!text.empty());
    return addresses;
}

std::string format_address(const Address& address) {
    AddressWriter writer(transport_name(address.transport));
    std::visit([&](const auto& transport) { writer.write(transport); }, address.transport);
    if (address.guid) writer.add("guid", address.guid->to_string());
    return std::move(writer).take();
}

std::string format_addresses(std::span<const Address> addresses) {
    std::string text;
    for (const Address& address : addresses) {
        if (!text.empty()) text += ';';
        text += format_address(address);
    }
    return text;
}

std::string_view transport_name(const Transport& transport) {
    return std::visit(NameOf{}, transport);
}

std::string escape_address_value(std::string_view value) {
    std::string text;
    for (const char byte : value) {
        if (stands_for_itself(byte)) {
            text += byte;
        } else {
            text += '%';
            text += to_hex(std::string_view(&byte, 1));
        }
    }
    return text;
}

Result<std::string, AddressError> unescape_address_value(std::string_view text) {
    std::string value;
    value.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (stands_for_itself(text[i])) {
            value += text[i];
            continue;
        }
        if (text[i] != '%') return Unexpected{AddressError::UnescapedByte};
        const auto byte = from_hex(text.substr(i + 1, 2));
        if (!byte || byte->empty()) return Unexpected{AddressError::BadEscape};
        if (byte->front() == '\0') return Unexpected{AddressError::NulByte};
        value += byte->front();
        i += 2;
    }
    return value;
}

}  // namespace buzon::bus
