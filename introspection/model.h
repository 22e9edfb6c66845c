// SPDX-License-Identifier: Apache-2.0
// What an object tells about itself: nodes, interfaces and their members, as plain values.
// Nothing here is checked: names and types are the texts that the service wrote.
// Members of one kind keep their order; the order between kinds is not kept.
// Source: D-Bus Specification, "Introspection Data Format".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace buzon::introspection {

struct Annotation {
    std::string name;
    std::string value;

    bool operator==(const Annotation&) const = default;
};

enum class Direction : std::uint8_t { In, Out };

/// An argument of a method, or of a signal, where the direction is always Out.
struct Argument {
    std::string name;  // empty: the service gave none
    std::string type;
    Direction direction = Direction::In;
    std::vector<Annotation> annotations{};

    bool operator==(const Argument&) const = default;
};

struct Method {
    std::string name;
    std::vector<Argument> arguments{};
    std::vector<Annotation> annotations{};

    bool operator==(const Method&) const = default;
};

struct Signal {
    std::string name;
    std::vector<Argument> arguments{};
    std::vector<Annotation> annotations{};

    bool operator==(const Signal&) const = default;
};

enum class Access : std::uint8_t { Read, Write, ReadWrite };

struct Property {
    std::string name;
    std::string type;
    Access access = Access::Read;
    std::vector<Annotation> annotations{};

    bool operator==(const Property&) const = default;
};

struct Interface {
    std::string name;
    std::vector<Method> methods{};
    std::vector<Property> properties{};
    std::vector<Signal> signals{};
    std::vector<Annotation> annotations{};

    bool operator==(const Interface&) const = default;
};

/// An object, or a step on the way to one. A child's name is relative to its parent's path and may
/// have several elements (`org/freedesktop/DBus`).
struct Node {
    std::string name;  // empty for most root nodes
    std::vector<Interface> interfaces{};
    std::vector<Node> children{};
    std::vector<Annotation> annotations{};

    bool operator==(const Node&) const = default;
};

}  // namespace buzon::introspection
