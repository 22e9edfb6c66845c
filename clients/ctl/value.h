// SPDX-License-Identifier: Apache-2.0
// A D-Bus value whose type is known at run time only, as a plain tree.
// Containers keep what their contents cannot tell: an empty array still knows its element type.
// Texts are UTF-8, paths and signatures valid; what parses or reads values sees to that.
// Source: D-Bus Specification, "Type System".
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace buzon::clients {

struct Value;

struct ObjectPath {
    std::string text;
    bool operator==(const ObjectPath&) const = default;
};

struct Signature {
    std::string text;
    bool operator==(const Signature&) const = default;
};

/// Not owned: it belongs to the message that it came with, or to our own process.
struct UnixFd {
    int number = -1;
    bool operator==(const UnixFd&) const = default;
};

/// An array of bytes, `ay`: apart from Array because it is often large.
struct Bytes {
    std::vector<std::uint8_t> bytes;
    bool operator==(const Bytes&) const = default;
};

/// Every other array; a dictionary is one of dict entries.
struct Array {
    std::string element_type;
    std::vector<Value> elements;
    bool operator==(const Array&) const = default;
};

struct Struct {
    std::vector<Value> members;
    bool operator==(const Struct&) const = default;
};

struct DictEntry {
    std::vector<Value> key_and_value;  // two
    bool operator==(const DictEntry&) const = default;
};

struct Variant {
    std::vector<Value> content;  // one
    bool operator==(const Variant&) const = default;
};

struct Value {
    std::variant<std::uint8_t,
                 bool,
                 std::int16_t,
                 std::uint16_t,
                 std::int32_t,
                 std::uint32_t,
                 std::int64_t,
                 std::uint64_t,
                 double,
                 std::string,
                 ObjectPath,
                 Signature,
                 UnixFd,
                 Bytes,
                 Array,
                 Struct,
                 DictEntry,
                 Variant>
        data;
    bool operator==(const Value&) const = default;
};

/// The one complete type of `value`: `a{sv}`.
[[nodiscard]] std::string type_of(const Value& value);
/// The types of `values`, one behind the other: the signature of a body.
[[nodiscard]] std::string signature_of(std::span<const Value> values);

/// Calls the one of `handlers` that takes what `value` holds.
template <typename... Handlers>
decltype(auto) visit_value(const Value& value, Handlers&&... handlers) {
    struct Overloaded : std::remove_reference_t<Handlers>... {
        using std::remove_reference_t<Handlers>::operator()...;
    };
    return std::visit(Overloaded{std::forward<Handlers>(handlers)...}, value.data);
}

}  // namespace buzon::clients
