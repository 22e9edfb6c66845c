// SPDX-License-Identifier: Apache-2.0
// A message as match rules see it: views only, for the length of one look-up.
// An empty view stands for a header field that is not there (none may be empty on the wire).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/owned_names.h"

namespace buzon::broker {

/// A body argument that rules can look at.
struct TextArgument {
    enum class Kind : std::uint8_t { String, ObjectPath };
    Kind kind = Kind::String;
    std::string_view text;
};

/// The arguments of one message. A body is read only as far as a rule asks, and no further than
/// argument 63; indices come in any order, so an implementation remembers what it has read.
class ArgumentSource {
public:
    ArgumentSource(const ArgumentSource&) = delete;
    ArgumentSource& operator=(const ArgumentSource&) = delete;

    /// Nothing where there is no such argument or it is neither a string nor an object path.
    [[nodiscard]] virtual std::optional<TextArgument> argument(unsigned index) = 0;

protected:
    ArgumentSource() = default;
    ~ArgumentSource() = default;
};

struct MatchSubject {
    std::uint8_t type = 0;
    std::string_view interface;
    std::string_view member;
    std::string_view path;
    /// The header field as the sender wrote it.
    std::string_view destination;
    /// Unique name of the sender; `org.freedesktop.DBus` for messages of the driver.
    std::string_view sender;
    const OwnedNames* sender_names = nullptr;
    /// Unique name of the peer that `destination` resolved to. Empty for the driver and where
    /// nobody has that name (yet): rules then compare the text of `destination`.
    std::string_view recipient;
    const OwnedNames* recipient_names = nullptr;
    ArgumentSource* arguments = nullptr;

    [[nodiscard]] bool is_unicast() const { return !destination.empty(); }
};

}  // namespace buzon::broker
