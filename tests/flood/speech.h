// SPDX-License-Identifier: Apache-2.0
// What an attacker says: messages to be sent again and again, each with a serial of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/load/messages.h"

namespace buzon::flood {

/// The message number `nth` of the connection `speaker` of a process.
using Writer = std::function<load::Bytes(std::size_t speaker, std::uint64_t nth)>;

struct Speech {
    Writer write;
    bool varies = false;  // else `nth` makes no difference, and it is written once
    /// The receiver looks for each message by its serial. For one connection of a cast.
    bool is_on_record = false;

    [[nodiscard]] bool is_silence() const { return !write; }
    [[nodiscard]] Speech on_record() const;
};

enum class Reply { Wanted, NotWanted };

[[nodiscard]] std::string attack_name(std::string_view name);

/// Calls and signals to the owner of attack_name(`to`), with about `body_bytes` in their body.
[[nodiscard]] Speech calls(std::string_view to, std::size_t body_bytes, Reply reply);
[[nodiscard]] Speech signals(std::string_view to, std::size_t body_bytes);
/// Calls that the bus can just pass on without making them too long, as it adds their sender; each
/// second one is longer by a byte.
[[nodiscard]] Speech longest_calls(std::string_view to);
/// Calls that carry `count` descriptors; the speaker attaches them.
[[nodiscard]] Speech calls_with_descriptors(std::string_view to, std::uint32_t count);
[[nodiscard]] Speech broadcasts(std::size_t body_bytes);
/// With `text` as their only argument.
[[nodiscard]] Speech broadcasts_of(std::string_view text);
/// The rule of those who hear broadcasts() and broadcasts_of().
[[nodiscard]] std::string broadcast_rule();
/// So many of paths below "/", each different: all match the text "/".
[[nodiscard]] std::vector<std::string> rules_for_the_root(std::size_t count);
/// The longest that there is: 64 arguments, each with a value that no other rule has.
[[nodiscard]] std::string rule_of_64_conditions(std::uint64_t nth);
/// Returns that nobody has asked for, for whoever owns attack_name(`to`).
[[nodiscard]] Speech replies(std::string_view to);
/// Calls of the bus without arguments.
[[nodiscard]] Speech driver_calls(std::string_view member);
/// Calls of the bus with one text, which `text` gives.
using TextWriter = std::function<std::string(std::size_t speaker, std::uint64_t nth)>;
[[nodiscard]] Speech driver_calls(std::string_view member, TextWriter text);
/// RequestName, queueing, for what `text` gives.
[[nodiscard]] Speech name_requests(TextWriter text);

/// UpdateActivationEnvironment with `entries` settings.
[[nodiscard]] Speech environment_updates(std::size_t entries);

/// RequestName and ReleaseName of attack_name(`name`) in turn.
[[nodiscard]] Speech name_churn(std::string_view name);

/// A method return with `body_bytes` to `destination`.
[[nodiscard]] load::Bytes large_reply(std::string_view destination, std::size_t body_bytes);

}  // namespace buzon::flood
