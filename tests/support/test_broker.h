// SPDX-License-Identifier: Apache-2.0
// A broker in the test's own loop, over socket pairs, with a clock that stands still until told.
// Nothing sleeps: settle() turns the loop until no socket is ready and nothing is left over. At
// the end of each turn charges are compared with what is held (broker/audit.h).
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "broker/broker.h"
#include "bus/message_builder.h"
#include "bus/receive_buffer.h"
#include "bus/send_buffer.h"
#include "bus/wire_reader.h"
#include "policy/buzon_files.h"
#include "policy/config_files.h"

namespace buzon::tests {

/// A message received, copied out of its buffer.
struct Received {
    bus::MessageType type{};
    std::uint32_t reply_serial = 0;
    std::uint8_t flags = 0;
    std::string member, error_name, sender, destination, signature, path;
    std::vector<std::byte> body;
    std::size_t descriptors = 0;

    /// The first argument, if it is a string.
    [[nodiscard]] std::string text() const {
        if (!signature.starts_with('s')) return {};
        return std::string(
            bus::WireReader(body, bus::ByteOrder::Little).read_string().value_or(""));
    }
    [[nodiscard]] std::uint32_t number() const {
        if (!signature.starts_with('u')) return 0;
        return bus::WireReader(body, bus::ByteOrder::Little).read_uint32().value_or(0);
    }
};

/// One configuration, from text; every file that it asks for is missing.
class TextFile final : public policy::FileSource {
public:
    explicit TextFile(std::string text) : text_(std::move(text)) {}
    bus::Result<std::string, int> read(const std::string&) override { return text_; }
    bus::Result<std::vector<std::string>, int> list(const std::string&) override {
        return bus::Unexpected{ENOENT};
    }

private:
    std::string text_;
};

inline constexpr std::string_view kAllowAll = R"(
  <policy context="default"><allow send_destination="*" eavesdrop="true"/>
  <allow eavesdrop="true"/><allow own="*"/><allow user="*"/></policy>)";

/// Answers when the test says so.
class HeldSource final : public broker::SettingsSource {
public:
    void load(broker::SettingsReceiver& receiver) override {
        receiver_ = &receiver;
        ++loads_;
    }
    void answer(bus::Result<broker::ReadSettings, broker::LoadFailure> loaded) {
        std::exchange(receiver_, nullptr)->on_settings(std::move(loaded));
    }
    [[nodiscard]] bool is_asked() const { return receiver_ != nullptr; }
    [[nodiscard]] int loads() const { return loads_; }

private:
    broker::SettingsReceiver* receiver_ = nullptr;
    int loads_ = 0;
};

class TestBroker {
public:
    /// `elements`: limits and whatever else belongs into <busconfig>; `own`: the same of a file of
    /// ours; `max_descriptors`: that the process may have.
    explicit TestBroker(std::string_view elements = "",
                        std::string_view policy = kAllowAll,
                        std::string_view own = "",
                        std::uint64_t max_descriptors = 20'000)
        : broker_(loop_,
                  log_,
                  identity(max_descriptors),
                  {},
                  compiled(load(elements, policy, own)),
                  source_) {
        loop_.set_spinning(bus::EventLoop::Spinning::Off);
        broker_.audit_turns();
    }

    /// The other end of a new connection; the broker has the near one.
    [[nodiscard]] bus::FileDescriptor connect() {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) < 0)
            std::abort();
        accept(bus::FileDescriptor(ends[0]));
        return bus::FileDescriptor(ends[1]);
    }
    /// The near end of a connection that somebody has made.
    void accept(bus::FileDescriptor socket) { broker_.add_connection(std::move(socket), guid_); }
    /// Turns the loop until it would sleep. Returns how many turns that took.
    int settle() {
        int turns = 0;
        // What has been put off may have made a socket ready in a turn that had no event.
        for (bool is_busy = true; is_busy;) {
            const bool had_tasks = loop_.has_tasks();
            is_busy = loop_.turn(std::chrono::nanoseconds(0)) || had_tasks || loop_.has_tasks();
            if (++turns > 100'000) std::abort();  // it would never sleep
        }
        return turns;
    }
    bool turn() { return loop_.turn(std::chrono::nanoseconds(0)); }
    void advance(std::chrono::milliseconds time) {
        pass(time);
        settle();
    }
    /// The same without a turn.
    void pass(std::chrono::milliseconds time) { now_ += time; }
    [[nodiscard]] const broker::BusState& state() const { return broker_.state(); }
    [[nodiscard]] const std::vector<std::string>& log_lines() const { return log_lines_; }
    broker::Broker& broker() { return broker_; }
    bus::EventLoop& loop() { return loop_; }

    [[nodiscard]] HeldSource& source() { return source_; }
    static broker::ReadSettings load(std::string_view elements,
                                     std::string_view policy,
                                     std::string_view own = "") {
        TextFile file("<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen>" +
                      std::string(elements) + std::string(policy) + "</busconfig>");
        auto config = policy::load_config("/test.conf", {}, file);
        TextFile own_file("<busconfig>" + std::string(own) + "</busconfig>");
        policy::load_buzon_files(config, {"/own.conf"}, policy::WhenBroken::Refuse, own_file);
        policy::SystemUserDatabase users;
        std::vector<policy::Warning> warnings;
        return {config.limits, policy::resolve(config, users, warnings),
                policy::resolve_limits(config, users, warnings)};
    }

private:
    static broker::Settings compiled(broker::ReadSettings read) {
        return {read.limits, policy::PolicySet::create(std::move(read.policy)),
                std::move(read.overrides)};
    }
    static broker::BusIdentity identity(std::uint64_t max_descriptors) {
        return {.guid = "0123456789abcdef0123456789abcdef",
                .owner = ::geteuid(),
                .pid = ::getpid(),
                .machine_id = "fedcba9876543210fedcba9876543210",
                .max_descriptors = max_descriptors};
    }

    bus::TimePoint now_{std::chrono::hours(1)};
    bus::EventLoop loop_{[this] { return now_; }};
    std::vector<std::string> log_lines_;
    bus::Log log_{[this](bus::LogLevel, std::string_view text) {
        log_lines_.emplace_back(text);
        // The last words: see audit_turns().
        if (text.starts_with("What is charged")) fmt::print(stderr, "{}\n", text);
    }};
    bus::Guid guid_ = bus::generate_guid();
    HeldSource source_;
    broker::Broker broker_;
};

/// A client that speaks the wire itself.
class RawClient {
public:
    explicit RawClient(TestBroker& bus) : RawClient(bus, bus.connect()) {}
    /// `socket`: the far end of a connection whose near end the bus has.
    RawClient(TestBroker& bus, bus::FileDescriptor socket)
        : bus_(bus), socket_(std::move(socket)) {}
    /// Authenticates and says Hello.
    static RawClient on(TestBroker& bus) { return on(bus, bus.connect()); }
    static RawClient on(TestBroker& bus, bus::FileDescriptor socket) {
        RawClient client(bus, std::move(socket));
        client.authenticate();
        client.call("Hello");
        client.name_ = client.next_reply().text();
        client.take_all();
        return client;
    }

    void authenticate() {
        static constexpr char kDialogue[] =
            "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";
        send_text(std::string_view(kDialogue, sizeof kDialogue - 1));
        bus_.settle();
        std::array<char, 512> answer{};
        (void)!::read(socket_.get(), answer.data(), answer.size());
    }
    void send_text(std::string_view text) { send(std::as_bytes(std::span(text))); }
    /// Sends what the socket takes; returns how much that was.
    std::size_t send(std::span<const std::byte> bytes) {
        const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        return sent < 0 ? 0 : static_cast<std::size_t>(sent);
    }
    /// The bytes of a message with a body of `text`, numbers being 0; gives it the next serial.
    std::vector<std::byte> make(bus::MessageFields fields, std::string_view text = {}) {
        fields.serial = ++serial_;
        auto& body = builder_.start_body();
        if (fields.signature == "s") body.write_string(text);
        if (fields.signature == "u") body.write_uint32(0);
        if (fields.signature == "su") {
            body.write_string(text);
            body.write_uint32(0);
        }
        if (fields.signature == "asu") {
            const auto array = body.begin_array('s');
            if (!text.empty()) body.write_string(text);
            body.end_array(array);
            body.write_uint32(0);
        }
        const auto message = builder_.build(fields);
        std::vector<std::byte> bytes(message.head.begin(), message.head.end());
        bytes.insert(bytes.end(), message.body.begin(), message.body.end());
        return bytes;
    }
    std::uint32_t send_message(const bus::MessageFields& fields, std::string_view text = {}) {
        const auto bytes = make(fields, text);
        if (send(bytes) != bytes.size()) std::abort();
        return serial_;
    }
    /// The same with `count` descriptors of its socket. False: the socket has not taken it.
    bool send_with_descriptors(bus::MessageFields fields,
                               std::size_t count,
                               std::string_view text = {}) {
        fields.unix_fds = static_cast<std::uint32_t>(count);
        const auto bytes = make(fields, text);
        std::array<int, 64> sent{};
        sent.fill(socket_.get());
        alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof sent)> control{};
        iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        cmsghdr* const rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(count * sizeof(int));
        std::memcpy(CMSG_DATA(rights), sent.data(), count * sizeof(int));
        return ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL) ==
               static_cast<ssize_t>(bytes.size());
    }
    /// A call to the driver.
    std::uint32_t call(std::string_view member,
                       std::string_view signature = "",
                       std::string_view text = "",
                       std::string_view interface = bus::kDriverName) {
        const auto serial = send_call(member, signature, text, interface);
        bus_.settle();
        return serial;
    }
    /// The same, for the bus to read in its next turn.
    std::uint32_t send_call(std::string_view member,
                            std::string_view signature = "",
                            std::string_view text = "",
                            std::string_view interface = bus::kDriverName) {
        return send_message({.type = bus::MessageType::MethodCall,
                             .path = bus::kDriverPath,
                             .interface = interface,
                             .member = member,
                             .destination = bus::kDriverName,
                             .signature = signature},
                            text);
    }
    std::uint32_t call_peer(std::string_view destination,
                            std::string_view text = "",
                            std::uint8_t flags = 0) {
        return send_message({.type = bus::MessageType::MethodCall,
                             .flags = flags,
                             .path = "/",
                             .interface = "a.b",
                             .member = "M",
                             .destination = destination,
                             .signature = "s"},
                            text);
    }
    std::uint32_t emit(std::string_view text) {
        return send_message({.type = bus::MessageType::Signal,
                             .path = "/",
                             .interface = "a.b",
                             .member = "S",
                             .signature = "s"},
                            text);
    }

    /// All that has arrived, after the bus has settled.
    std::vector<Received> take_all() {
        bus_.settle();
        return read_available();
    }
    /// Reads without turning the loop.
    std::vector<Received> read_available() {
        std::vector<Received> all;
        input_.allow_descriptors(true);
        while (true) {
            const auto status = input_.fill(socket_.get(), {});
            if (!status || *status == bus::ReadStatus::EndOfStream) closed_ = true;
            if (!status || *status != bus::ReadStatus::Data) return all;
            while (auto message = input_.next({})) {
                if (!*message) break;
                all.push_back(copy(**message));
            }
            input_.park();
        }
    }
    Received next_reply() {
        for (auto& message : take_all())
            if (message.reply_serial != 0) return message;
        return {};
    }
    /// The bus has closed the connection.
    [[nodiscard]] bool is_closed() {
        take_all();
        return closed_;
    }
    void close() { socket_.reset(); }
    void shut_down_reading() { ::shutdown(socket_.get(), SHUT_RD); }
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] int socket() const { return socket_.get(); }

private:
    static Received copy(const bus::Message& message) {
        const bus::Header& header = message.header();
        return {header.type,
                header.reply_serial,
                header.flags,
                std::string(header.member),
                std::string(header.error_name),
                std::string(header.sender),
                std::string(header.destination),
                std::string(header.signature),
                std::string(header.path),
                {message.body().begin(), message.body().end()},
                message.descriptors() ? message.descriptors()->descriptors.size() : 0};
    }

    TestBroker& bus_;
    bus::FileDescriptor socket_;
    std::unique_ptr<bus::BlockPool> pool_ = std::make_unique<bus::BlockPool>();
    std::unique_ptr<bus::ReadArena> arena_ = std::make_unique<bus::ReadArena>();
    bus::ReceiveBuffer input_{*arena_, *pool_};
    bus::MessageBuilder builder_;
    std::string name_;
    std::uint32_t serial_ = 0;
    bool closed_ = false;
};

}  // namespace buzon::tests
