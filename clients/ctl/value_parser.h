// SPDX-License-Identifier: Apache-2.0
// Values from a signature and command line arguments, in busctl's way: one argument for a simple
// value, a count before the elements of an array, a signature before the content of a variant,
// and nothing around structs and dict entries.
// Errors: UsageError, which says which argument and why.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "clients/ctl/value.h"

namespace buzon::clients {

/// The command line cannot be understood; what() says what to change.
class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Exactly the values of `signature`; all of `arguments` are used up.
[[nodiscard]] std::vector<Value> parse_values(std::string_view signature,
                                              std::span<const std::string> arguments);

/// `yes`, `true`, `on`, `1` and their opposites, as busctl takes them, in any case.
[[nodiscard]] bool parse_boolean(std::string_view text);

}  // namespace buzon::clients
