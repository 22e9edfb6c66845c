// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/bus_connection.h"

#include <cerrno>
#include <cstdlib>

#include <fmt/format.h>
#include <sdbus-c++/Error.h>

#include "bus/address.h"
#include "bus/protocol.h"
#include "clients/ctl/message_values.h"
#include "clients/ctl/value_parser.h"

namespace buzon::clients {
namespace {

std::optional<std::string> environment(const char* name) {
    const char* const value = std::getenv(name);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
}

const char* or_null(const std::string& text) {
    return text.empty() ? nullptr : text.c_str();
}

std::unique_ptr<sd_bus, Unref> new_bus() {
    sd_bus* bus = nullptr;
    check(sd_bus_new(&bus), "Failed to allocate a connection");
    return std::unique_ptr<sd_bus, Unref>(bus);
}

void configure(sd_bus& bus, const BusChoice& choice, ConnectAs role) {
    constexpr const char* kContext = "Failed to configure the connection";
    check(sd_bus_set_bus_client(&bus, 1), kContext);
    check(sd_bus_set_watch_bind(&bus, choice.watch_bind ? 1 : 0), kContext);
    check(sd_bus_negotiate_fds(&bus, 1), kContext);
    if (choice.timeout.count() > 0)
        check(sd_bus_set_method_call_timeout(&bus, static_cast<uint64_t>(choice.timeout.count())),
              kContext);
    if (role == ConnectAs::Monitor) check(sd_bus_set_monitor(&bus, 1), kContext);
}

[[noreturn]] void throw_unexpected_reply(const MethodCall& call,
                                         std::span<const Value> values,
                                         std::string_view expected) {
    throw sdbus::Error(std::string(bus::error_name::kInvalidArgs),
                       fmt::format("{} of {} answered with '{}' instead of {}", call.member,
                                   call.destination, signature_of(values), expected));
}

}  // namespace

std::string address_of(const BusChoice& choice) {
    switch (choice.scope) {
        case BusScope::Address: return choice.address;
        case BusScope::System:
            return environment("DBUS_SYSTEM_BUS_ADDRESS")
                .value_or("unix:path=/run/dbus/system_bus_socket");
        case BusScope::User: break;
    }
    if (auto address = environment("DBUS_SESSION_BUS_ADDRESS")) return *std::move(address);
    if (const auto directory = environment("XDG_RUNTIME_DIR"))
        return fmt::format("unix:path={}/bus", bus::escape_address_value(*directory));
    throw UsageError(
        "Where is the user's bus? Set DBUS_SESSION_BUS_ADDRESS or XDG_RUNTIME_DIR, or give "
        "--address=.");
}

BusConnection::BusConnection(const BusChoice& choice, ConnectAs role)
    : address_(address_of(choice)), auto_start_(choice.auto_start), bus_(new_bus()) {
    if (const auto parsed = bus::parse_addresses(address_); !parsed)
        throw UsageError(fmt::format("'{}' is not the address of a bus: {}", address_,
                                     bus::describe(parsed.error())));
    const std::string context = fmt::format("Failed to connect to bus at {}", address_);
    configure(*bus_, choice, role);
    check(sd_bus_set_address(bus_.get(), address_.c_str()), context);
    check(sd_bus_start(bus_.get()), context);
    const char* name = nullptr;  // known once Hello has been answered
    check(sd_bus_get_unique_name(bus_.get(), &name), context);
}

MessagePtr BusConnection::build(const MethodCall& call) {
    constexpr const char* kContext = "Failed to build a message";
    sd_bus_message* raw = nullptr;
    check(sd_bus_message_new_method_call(bus_.get(), &raw, or_null(call.destination),
                                         call.path.c_str(), or_null(call.interface),
                                         call.member.c_str()),
          kContext);
    MessagePtr message(raw);
    check(sd_bus_message_set_auto_start(raw, auto_start_ ? 1 : 0), kContext);
    check(sd_bus_message_set_allow_interactive_authorization(
              raw, call.allow_interactive_authorization ? 1 : 0),
          kContext);
    append_values(*raw, call.arguments);
    return message;
}

MessagePtr BusConnection::call(const MethodCall& call) {
    const MessagePtr message = build(call);
    ErrorHolder error;
    sd_bus_message* reply = nullptr;
    const int result = sd_bus_call(bus_.get(), message.get(), 0, error.get(), &reply);
    if (result < 0) throw_error(*error, result);
    return MessagePtr(reply);
}

std::vector<Value> BusConnection::call_for_values(const MethodCall& call) {
    const MessagePtr reply = this->call(call);
    return read_values(*reply);
}

std::string BusConnection::call_for_text(const MethodCall& call) {
    auto values = call_for_values(call);
    auto* const text = values.size() == 1 ? std::get_if<std::string>(&values[0].data) : nullptr;
    if (text == nullptr) throw_unexpected_reply(call, values, "one text");
    return std::move(*text);
}

std::vector<std::string> BusConnection::call_for_texts(const MethodCall& call) {
    const auto values = call_for_values(call);
    if (signature_of(values) != "as") throw_unexpected_reply(call, values, "an array of texts");
    std::vector<std::string> texts;
    for (const Value& element : std::get<Array>(values[0].data).elements)
        texts.push_back(std::get<std::string>(element.data));
    return texts;
}

void BusConnection::send_without_reply(const MethodCall& call) {
    const MessagePtr message = build(call);
    check(sd_bus_message_set_expect_reply(message.get(), 0), "Failed to build a message");
    check(sd_bus_send(bus_.get(), message.get(), nullptr), "Failed to send");
    flush();
}

void BusConnection::emit(const SignalToEmit& signal) {
    sd_bus_message* raw = nullptr;
    check(sd_bus_message_new_signal(bus_.get(), &raw, signal.path.c_str(), signal.interface.c_str(),
                                    signal.member.c_str()),
          "Failed to build a signal");
    const MessagePtr message(raw);
    if (!signal.destination.empty())
        check(sd_bus_message_set_destination(raw, signal.destination.c_str()),
              "Failed to build a signal");
    check(sd_bus_message_set_auto_start(raw, auto_start_ ? 1 : 0), "Failed to build a signal");
    append_values(*raw, signal.arguments);
    check(sd_bus_send(bus_.get(), raw, nullptr), "Failed to send the signal");
    flush();
}

void BusConnection::flush() {
    check(sd_bus_flush(bus_.get()), "Failed to send");
}

MessagePtr BusConnection::next_message() {
    while (true) {
        sd_bus_message* message = nullptr;
        const int result = sd_bus_process(bus_.get(), &message);
        if (result == -ENOTCONN || result == -ECONNRESET) return nullptr;
        check(result, "Failed to receive");
        if (message != nullptr) return MessagePtr(message);
        if (result == 0) check(sd_bus_wait(bus_.get(), UINT64_MAX), "Failed to wait");
    }
}

std::string BusConnection::unique_name() {
    const char* name = nullptr;
    check(sd_bus_get_unique_name(bus_.get(), &name), "Failed to get the unique name");
    return name;
}

std::string BusConnection::bus_id() {
    sd_id128_t id{};
    check(sd_bus_get_bus_id(bus_.get(), &id), "Failed to get the bus id");
    char text[SD_ID128_STRING_MAX] = {};
    return sd_id128_to_string(id, text);
}

MethodCall driver_call(std::string member, std::vector<Value> arguments) {
    const std::string name(bus::kDriverName);
    return {name, std::string(bus::kDriverPath), name, std::move(member), std::move(arguments)};
}

}  // namespace buzon::clients
