// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/message_values.h"

#include "clients/ctl/sd_bus_result.h"

namespace buzon::clients {
namespace {

template <typename T>
T read_basic(sd_bus_message& message, char type) {
    T value{};
    check(sd_bus_message_read_basic(&message, type, &value), "Failed to read a message");
    return value;
}

Bytes read_bytes(sd_bus_message& message) {
    const void* data = nullptr;
    std::size_t size = 0;
    check(sd_bus_message_read_array(&message, 'y', &data, &size), "Failed to read a message");
    const auto* const bytes = static_cast<const std::uint8_t*>(data);
    return {std::vector<std::uint8_t>(bytes, bytes + size)};
}

std::vector<Value> read_to_end(sd_bus_message& message);

std::vector<Value> read_inside(sd_bus_message& message, char type, const char* contents) {
    check(sd_bus_message_enter_container(&message, type, contents), "Failed to read a message");
    auto values = read_to_end(message);
    check(sd_bus_message_exit_container(&message), "Failed to read a message");
    return values;
}

Value read_value(sd_bus_message& message, char type, const std::string& contents) {
    switch (type) {
        case 'y': return {read_basic<std::uint8_t>(message, type)};
        case 'b': return {read_basic<int>(message, type) != 0};
        case 'n': return {read_basic<std::int16_t>(message, type)};
        case 'q': return {read_basic<std::uint16_t>(message, type)};
        case 'i': return {read_basic<std::int32_t>(message, type)};
        case 'u': return {read_basic<std::uint32_t>(message, type)};
        case 'x': return {read_basic<std::int64_t>(message, type)};
        case 't': return {read_basic<std::uint64_t>(message, type)};
        case 'd': return {read_basic<double>(message, type)};
        case 's': return {std::string(read_basic<const char*>(message, type))};
        case 'o': return {ObjectPath{read_basic<const char*>(message, type)}};
        case 'g': return {Signature{read_basic<const char*>(message, type)}};
        case 'h': return {UnixFd{read_basic<int>(message, type)}};
        case 'r': return {Struct{read_inside(message, type, contents.c_str())}};
        case 'e': return {DictEntry{read_inside(message, type, contents.c_str())}};
        case 'v': return {Variant{read_inside(message, type, contents.c_str())}};
        default: break;
    }
    if (contents == "y") return {read_bytes(message)};
    return {Array{contents, read_inside(message, type, contents.c_str())}};
}

/// Up to the end of the container that was entered last.
std::vector<Value> read_to_end(sd_bus_message& message) {
    std::vector<Value> values;
    char type = 0;
    const char* contents = nullptr;
    while (check(sd_bus_message_peek_type(&message, &type, &contents), "Failed to read a message") >
           0)
        values.push_back(read_value(message, type, contents == nullptr ? "" : contents));
    return values;
}

void append_value(sd_bus_message& message, const Value& value);

void append_inside(sd_bus_message& message,
                   char type,
                   const std::string& contents,
                   std::span<const Value> values) {
    constexpr const char* kContext = "Failed to build a message";
    check(sd_bus_message_open_container(&message, type, contents.c_str()), kContext);
    append_values(message, values);
    check(sd_bus_message_close_container(&message), kContext);
}

template <typename T>
void append_basic(sd_bus_message& message, char type, const T* value) {
    check(sd_bus_message_append_basic(&message, type, value), "Failed to build a message");
}

void append_value(sd_bus_message& message, const Value& value) {
    visit_value(
        value, [&](const std::string& text) { append_basic(message, 's', text.c_str()); },
        [&](const ObjectPath& path) { append_basic(message, 'o', path.text.c_str()); },
        [&](const Signature& signature) { append_basic(message, 'g', signature.text.c_str()); },
        [&](bool truth) {
            const int number = truth ? 1 : 0;
            append_basic(message, 'b', &number);
        },
        [&](UnixFd fd) { append_basic(message, 'h', &fd.number); },
        [&](const Bytes& array) {
            check(
                sd_bus_message_append_array(&message, 'y', array.bytes.data(), array.bytes.size()),
                "Failed to build a message");
        },
        [&](const Array& array) {
            append_inside(message, 'a', array.element_type, array.elements);
        },
        [&](const Struct& tuple) {
            append_inside(message, 'r', signature_of(tuple.members), tuple.members);
        },
        [&](const DictEntry& entry) {
            append_inside(message, 'e', signature_of(entry.key_and_value), entry.key_and_value);
        },
        [&](const Variant& variant) {
            append_inside(message, 'v', signature_of(variant.content), variant.content);
        },
        [&](const auto& number) { append_basic(message, type_of(value).front(), &number); });
}

}  // namespace

std::vector<Value> read_values(sd_bus_message& message) {
    check(sd_bus_message_rewind(&message, 1), "Failed to read a message");
    return read_to_end(message);
}

void append_values(sd_bus_message& message, std::span<const Value> values) {
    for (const Value& value : values)
        append_value(message, value);
}

}  // namespace buzon::clients
