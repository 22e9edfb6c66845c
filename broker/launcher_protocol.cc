// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher_protocol.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "bus/base/log.h"
#include "bus/body_check.h"
#include "bus/utf8.h"
#include "policy/limits_wire.h"

namespace buzon::broker {

namespace {

using bus::Unexpected;
using bus::WireReader;
using bus::WireWriter;
using policy::WireBody;

// Limits; limits of users and destinations; warnings; fork, keep_umask, syslog, allow_anonymous,
// has_service_helper; type; pidfile; identity; listen with place; mechanisms; transient
// directories; owner's name and home.
constexpr std::string_view kLoadedSignature =
    "a{st}a(ua{st})a(sa{st})asbbbbbasasa(uuau)a(ss)asasss";
constexpr std::string_view kSettleSignature = "a(uuau)bbbas";
constexpr std::string_view kFilesSignature = "a(stt)a(su)";
constexpr std::string_view kPidfileSignature = "su";
constexpr std::string_view kCookieSignature = "sus";
constexpr std::string_view kBoundSignature = "a(sstt)";
constexpr std::string_view kSpareSignature = "uh";
constexpr std::string_view kProcessesSignature = "a(uaut)";

constexpr LauncherMethod kMethods[] = {
    {LauncherRequest::Load, "Load", "b", kLoadedSignature},
    {LauncherRequest::Bind, "Bind", "s", kBoundSignature},
    {LauncherRequest::Settle, "Settle", kSettleSignature, "as"},
    {LauncherRequest::Adopt, "Adopt", kFilesSignature, ""},
    {LauncherRequest::MakeSpare, "MakeSpare", "", kSpareSignature},
    {LauncherRequest::WritePidfile, "WritePidfile", kPidfileSignature, "s"},
    {LauncherRequest::GiveCookie, "GiveCookie", "s", kCookieSignature},
    {LauncherRequest::NameProcesses, "NameProcesses", kProcessesSignature, "as"},
};

// A longer text in a log or an error helps nobody.
constexpr std::size_t kMaxEscapedBytes = 4096;

template <typename Element, typename Write>
void write_array(char type, const Element& elements, WireWriter& body, const Write& write) {
    const auto array = body.begin_array(type);
    for (const auto& element : elements)
        write(element);
    body.end_array(array);
}

void write_optional(const std::optional<std::string>& text, WireWriter& body) {
    const auto array = body.begin_array('s');
    if (text) body.write_string(*text);
    body.end_array(array);
}

void write_identity(const std::optional<Identity>& identity, WireWriter& body) {
    const auto array = body.begin_array('(');
    if (identity) {
        body.align_struct();
        body.write_uint32(identity->uid);
        body.write_uint32(identity->gid);
        write_array('u', identity->groups, body, [&](gid_t gid) { body.write_uint32(gid); });
    }
    body.end_array(array);
}

std::vector<std::string> names_of(const bus::AuthMechanisms& mechanisms) {
    std::vector<std::string> names;
    for (const auto mechanism : bus::kAuthMechanisms) {
        if (mechanisms.contains(mechanism)) names.emplace_back(auth_mechanism_name(mechanism));
    }
    return names;
}

/// Reads from a body whose form has been checked, so that no single read can fail.
class BodyFields {
public:
    BodyFields(const WireBody& body, std::string_view signature)
        : reader_(body.bytes, body.order),
          is_well_formed_(body.signature == signature &&
                          bus::check_body(signature, body.bytes, body.order)) {}

    [[nodiscard]] bool is_well_formed() const { return is_well_formed_; }
    WireReader& reader() { return reader_; }
    bool flag() { return *reader_.read_boolean(); }
    std::uint32_t number() { return *reader_.read_uint32(); }
    std::uint64_t long_number() { return *reader_.read_uint64(); }
    std::string text() { return std::string(*reader_.read_string()); }

    template <typename Read>
    void each(char type, const Read& read) {
        const std::size_t end = *reader_.enter_array(type);
        while (reader_.position() < end) {
            if (type == '(') reader_.align(8);
            read();
        }
    }
    std::vector<std::string> texts() {
        std::vector<std::string> all;
        each('s', [&] { all.push_back(text()); });
        return all;
    }
    /// False: more than one.
    bool optional_text(std::optional<std::string>& value) {
        auto all = texts();
        if (!all.empty()) value = std::move(all.front());
        return all.size() <= 1;
    }
    bool identity(std::optional<Identity>& value) {
        std::size_t count = 0;
        each('(', [&] {
            value = Identity{number(), number(), {}};
            each('u', [&] { value->groups.push_back(number()); });
            ++count;
        });
        return count <= 1;
    }
    PidfileFacts pidfile() {
        std::string path = text();
        return {std::move(path), number()};
    }
    bool mechanisms(bus::AuthMechanisms& value) {
        value = {};
        bool known = true;
        for (const std::string& name : texts()) {
            const auto mechanism = bus::find_auth_mechanism(name);
            known = known && mechanism;
            if (mechanism) value.insert(*mechanism);
        }
        return known;
    }

private:
    WireReader reader_;
    bool is_well_formed_;
};

}  // namespace

const LauncherMethod& method_of(LauncherRequest request) {
    return kMethods[static_cast<std::size_t>(request)];
}

const LauncherMethod* find_launcher_method(std::string_view member) {
    const auto* row = std::find_if(std::begin(kMethods), std::end(kMethods),
                                   [&](const auto& each) { return each.member == member; });
    return row == std::end(kMethods) ? nullptr : row;
}

WireBody body_of(const bus::Message& message) {
    return {message.header().signature, message.body(), message.header().order};
}

void write_loaded(const LoadedSettings& loaded, WireWriter& body) {
    const StartSettings& start = loaded.start;
    policy::write_limits(loaded.limits, body);
    policy::write_overrides(loaded.overrides, body);
    write_texts(loaded.warnings, body);
    for (const bool flag : {start.fork, start.keep_umask, start.syslog, start.allow_anonymous,
                            start.has_service_helper})
        body.write_boolean(flag);
    write_optional(start.type, body);
    write_optional(start.pidfile, body);
    write_identity(start.identity, body);
    write_array('(', start.listen, body, [&](const ListenAddress& listen) {
        body.align_struct();
        body.write_string(listen.text);
        body.write_string(sendable(listen.place));
    });
    write_texts(names_of(start.auth_mechanisms), body);
    write_texts(start.transient_directories, body);
    body.write_string(sendable(start.owner_name));
    body.write_string(sendable(start.owner_home));
}

bus::Result<LoadedSettings, ProtocolError> read_loaded(const WireBody& body) {
    BodyFields fields(body, kLoadedSignature);
    if (!fields.is_well_formed()) return Unexpected{ProtocolError::Malformed};
    LoadedSettings loaded;
    const auto limits = policy::read_limits(fields.reader());
    if (!limits) return Unexpected{ProtocolError::OutOfRange};
    loaded.limits = *limits;
    auto overrides = policy::read_overrides(fields.reader());
    if (!overrides) return Unexpected{ProtocolError::OutOfRange};
    loaded.overrides = std::move(*overrides);
    loaded.warnings = fields.texts();
    StartSettings& start = loaded.start;
    for (bool* flag : {&start.fork, &start.keep_umask, &start.syslog, &start.allow_anonymous,
                       &start.has_service_helper})
        *flag = fields.flag();
    bool in_range = fields.optional_text(start.type);
    in_range = fields.optional_text(start.pidfile) && in_range;
    in_range = fields.identity(start.identity) && in_range;
    fields.each('(', [&] {
        std::string text = fields.text();
        start.listen.push_back({std::move(text), fields.text()});
    });
    in_range = fields.mechanisms(start.auth_mechanisms) && in_range;
    start.transient_directories = fields.texts();
    start.owner_name = fields.text();
    start.owner_home = fields.text();
    if (!in_range) return Unexpected{ProtocolError::OutOfRange};
    return loaded;
}

void write_settle(const SettleOrder& order, WireWriter& body) {
    write_identity(order.identity, body);
    for (const bool flag : {order.in_background, order.reset_umask, order.keep_standard_error})
        body.write_boolean(flag);
    write_texts(order.transient_directories, body);
}

bus::Result<SettleOrder, ProtocolError> read_settle(const WireBody& body) {
    BodyFields fields(body, kSettleSignature);
    if (!fields.is_well_formed()) return Unexpected{ProtocolError::Malformed};
    SettleOrder order;
    const bool in_range = fields.identity(order.identity);
    for (bool* flag : {&order.in_background, &order.reset_umask, &order.keep_standard_error})
        *flag = fields.flag();
    order.transient_directories = fields.texts();
    if (!in_range) return Unexpected{ProtocolError::OutOfRange};
    return order;
}

void write_files(const LauncherFiles& files, WireWriter& body) {
    write_array('(', files.sockets, body, [&](const SocketFileFacts& file) {
        body.align_struct();
        body.write_string(file.path);
        body.write_uint64(file.device);
        body.write_uint64(file.inode);
    });
    const auto array = body.begin_array('(');
    if (files.pidfile) {
        body.align_struct();
        write_pidfile(*files.pidfile, body);
    }
    body.end_array(array);
}

bus::Result<LauncherFiles, ProtocolError> read_files(const WireBody& body) {
    BodyFields fields(body, kFilesSignature);
    if (!fields.is_well_formed()) return Unexpected{ProtocolError::Malformed};
    LauncherFiles files;
    fields.each('(', [&] {
        SocketFileFacts file{fields.text()};
        file.device = fields.long_number();
        file.inode = fields.long_number();
        files.sockets.push_back(std::move(file));
    });
    std::size_t count = 0;
    fields.each('(', [&] {
        files.pidfile = fields.pidfile();
        ++count;
    });
    if (count > 1) return Unexpected{ProtocolError::OutOfRange};
    return files;
}

void write_pidfile(const PidfileFacts& pidfile, WireWriter& body) {
    body.write_string(pidfile.path);
    body.write_uint32(pidfile.pid);
}

bus::Result<PidfileFacts, ProtocolError> read_pidfile(const WireBody& body) {
    BodyFields fields(body, kPidfileSignature);
    if (!fields.is_well_formed()) return Unexpected{ProtocolError::Malformed};
    return fields.pidfile();
}

void write_cookie(const bus::AuthCookie& cookie, WireWriter& body) {
    body.write_string(cookie.context);
    body.write_uint32(cookie.id);
    body.write_string(cookie.cookie);
}

bus::Result<bus::AuthCookie, ProtocolError> read_cookie(const WireBody& body) {
    BodyFields fields(body, kCookieSignature);
    if (!fields.is_well_formed()) return Unexpected{ProtocolError::Malformed};
    bus::AuthCookie cookie;
    cookie.context = fields.text();
    cookie.id = fields.number();
    cookie.cookie = fields.text();
    return cookie;
}

void write_bound(std::span<const BoundAnswer> sockets, WireWriter& body) {
    write_array('(', sockets, body, [&](const BoundAnswer& socket) {
        body.align_struct();
        body.write_string(socket.address);
        body.write_string(socket.file.path);
        body.write_uint64(socket.file.device);
        body.write_uint64(socket.file.inode);
    });
}

bus::Result<std::vector<BoundAnswer>, ProtocolError> read_bound(const WireBody& body) {
    BodyFields fields(body, kBoundSignature);
    if (!fields.is_well_formed()) return Unexpected{ProtocolError::Malformed};
    std::vector<BoundAnswer> sockets;
    fields.each('(', [&] {
        BoundAnswer socket{fields.text(), {}};
        socket.file.path = fields.text();
        socket.file.device = fields.long_number();
        socket.file.inode = fields.long_number();
        sockets.push_back(std::move(socket));
    });
    return sockets;
}

void write_processes(std::span<const ProcessFacts> processes, WireWriter& body) {
    write_array('(', processes, body, [&](const ProcessFacts& process) {
        body.align_struct();
        body.write_uint32(process.pid);
        const auto array = body.begin_array('u');
        if (process.descriptor) body.write_uint32(*process.descriptor);
        body.end_array(array);
        body.write_uint64(process.connected_at);
    });
}

bus::Result<std::vector<ProcessFacts>, ProtocolError> read_processes(const WireBody& body) {
    BodyFields fields(body, kProcessesSignature);
    if (!fields.is_well_formed()) return Unexpected{ProtocolError::Malformed};
    std::vector<ProcessFacts> processes;
    fields.each('(', [&] {
        ProcessFacts process{fields.number(), std::nullopt, 0};
        fields.each('u', [&] { process.descriptor = fields.number(); });
        process.connected_at = fields.long_number();
        processes.push_back(process);
    });
    return processes;
}

void write_texts(std::span<const std::string> texts, WireWriter& body) {
    write_array('s', texts, body,
                [&](const std::string& text) { body.write_string(sendable(text)); });
}

bus::Result<std::vector<std::string>, ProtocolError> read_texts(const WireBody& body) {
    BodyFields fields(body, "as");
    if (!fields.is_well_formed()) return Unexpected{ProtocolError::Malformed};
    return fields.texts();
}

bus::Result<std::string, ProtocolError> read_text(const WireBody& body) {
    BodyFields fields(body, "s");
    if (!fields.is_well_formed()) return Unexpected{ProtocolError::Malformed};
    return fields.text();
}

bus::Result<bool, ProtocolError> read_flag(const WireBody& body) {
    BodyFields fields(body, "b");
    if (!fields.is_well_formed()) return Unexpected{ProtocolError::Malformed};
    return fields.flag();
}

bus::Result<std::uint32_t, ProtocolError> read_spare(const WireBody& body) {
    BodyFields fields(body, kSpareSignature);
    if (!fields.is_well_formed()) return Unexpected{ProtocolError::Malformed};
    const std::uint32_t pid = fields.number();
    // 1 is nobody's child; what is larger would be a group of processes to kill().
    constexpr std::uint32_t kMaxPid = 1U << 22;
    if (pid <= 1 || pid > kMaxPid || fields.number() != 0)
        return Unexpected{ProtocolError::OutOfRange};
    return pid;
}

std::string sendable(const std::string& text) {
    // A string of the bus has no NUL, which a text of ours has neither.
    return bus::is_utf8(text) ? text : bus::printable(text, kMaxEscapedBytes);
}

}  // namespace buzon::broker
