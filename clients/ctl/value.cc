// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/value.h"

namespace buzon::clients {

std::string type_of(const Value& value) {
    return visit_value(
        value, [](std::uint8_t) -> std::string { return "y"; },
        [](bool) -> std::string { return "b"; }, [](std::int16_t) -> std::string { return "n"; },
        [](std::uint16_t) -> std::string { return "q"; },
        [](std::int32_t) -> std::string { return "i"; },
        [](std::uint32_t) -> std::string { return "u"; },
        [](std::int64_t) -> std::string { return "x"; },
        [](std::uint64_t) -> std::string { return "t"; }, [](double) -> std::string { return "d"; },
        [](const std::string&) -> std::string { return "s"; },
        [](const ObjectPath&) -> std::string { return "o"; },
        [](const Signature&) -> std::string { return "g"; },
        [](UnixFd) -> std::string { return "h"; }, [](const Bytes&) -> std::string { return "ay"; },
        [](const Array& array) { return "a" + array.element_type; },
        [](const Struct& tuple) { return "(" + signature_of(tuple.members) + ")"; },
        [](const DictEntry& entry) { return "{" + signature_of(entry.key_and_value) + "}"; },
        [](const Variant&) -> std::string { return "v"; });
}

std::string signature_of(std::span<const Value> values) {
    std::string signature;
    for (const Value& value : values)
        signature += type_of(value);
    return signature;
}

}  // namespace buzon::clients
