// SPDX-License-Identifier: Apache-2.0
// Values as JSON without loss of types, in the form that busctl writes: every body and variant is
// {"type": SIGNATURE, "data": …}, a struct an array, a dictionary an object whose keys are texts.
// Who looks into a Json includes <nlohmann/json.hpp> himself; that takes long to compile.
// JSON has no infinity and no NaN, and a file descriptor means nothing elsewhere: these are null.
#pragma once

#include <span>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "clients/ctl/json_mode.h"
#include "clients/ctl/value.h"

namespace buzon::clients {

using Json = nlohmann::ordered_json;

/// What stands behind "data". Keys that occur twice in a dictionary occur twice in the object.
[[nodiscard]] Json to_json_data(const Value& value);
/// One value with its type: `{"type":"s","data":"x"}`.
[[nodiscard]] Json to_json(const Value& value);
/// A body with its signature; "data" is an array with one element for each value.
[[nodiscard]] Json to_json_body(std::span<const Value> values);

/// Without a newline at the end. Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string to_text(const Json& json, JsonMode mode);

}  // namespace buzon::clients
