// SPDX-License-Identifier: Apache-2.0
// Messages that a monitor saw, as text for people and as JSON for programs, in busctl's forms.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clients/ctl/sd_bus_result.h"
#include "clients/ctl/value_json.h"

namespace buzon::clients {

/// A message as plain values; texts are empty and serials 0 where the message has none.
struct SeenMessage {
    std::string type;  // method_call, method_return, error, signal
    char endian = 'l';
    unsigned flags = 0;
    unsigned version = 1;
    std::uint64_t serial = 0;
    std::uint64_t reply_serial = 0;
    std::uint64_t microseconds = 0;  // since 1970, when we received it
    std::string sender{};
    std::string destination{};
    std::string path{};
    std::string interface {};
    std::string member{};
    std::string error_name{};
    std::vector<Value> body{};
};

/// Errors: sdbus::Error for a message that cannot be read.
[[nodiscard]] SeenMessage see_message(sd_bus_message& message, std::uint64_t microseconds);

/// A block of lines and an empty one. Times are in the local time zone.
[[nodiscard]] std::string to_text(const SeenMessage& message);
[[nodiscard]] Json to_json(const SeenMessage& message);

}  // namespace buzon::clients
