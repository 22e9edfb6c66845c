// SPDX-License-Identifier: Apache-2.0
// Values as text, in the two forms that busctl has made a habit: terse, which can be given back as
// arguments, and verbose, one value a line.
// Both are pure ASCII or valid UTF-8 without control characters but line ends, whatever a peer
// sent.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "clients/ctl/value.h"

namespace buzon::clients {

/// `2 "x" "y"`: counts before arrays, types before what is in variants, everything else as it is.
[[nodiscard]] std::string to_terse(const Value& value);
/// `as 2 "x" "y"`: the types, then the values; empty if there are none.
[[nodiscard]] std::string to_terse_with_types(std::span<const Value> values);

/// `ARRAY "s" {`, each value on a line, ends included, behind `indent` spaces.
[[nodiscard]] std::string to_verbose(const Value& value, std::size_t indent = 0);
/// The same for all of a body, inside `MESSAGE "as" {` and `};`.
[[nodiscard]] std::string to_verbose_body(std::span<const Value> values, std::size_t indent = 0);

/// In quotes; what is not printable ASCII, and `"`, `'`, `\`, as in a C string.
[[nodiscard]] std::string quote_for_shell_scripts(std::string_view text);
/// In quotes; control characters, `"` and `\` as in a C string, other UTF-8 as it is.
[[nodiscard]] std::string quote_for_people(std::string_view text);

/// Without quotes; control characters, and what is not ASCII if the text is not UTF-8, as in a C
/// string, all else as it is. One line, harmless.
[[nodiscard]] std::string escape_controls(std::string_view text);

/// The fewest digits, 6 at least, that read back as the same number; as busctl where that is exact.
[[nodiscard]] std::string to_text(double number);

}  // namespace buzon::clients
