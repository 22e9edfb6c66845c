// SPDX-License-Identifier: Apache-2.0
// Levelled one-line records, handed to an output (log_output.h, or a test's own).
// What a peer can cause at will names a LogKind: each kind has a budget (token bucket), and what is
// over it is counted and reported as one line later. Where it matters who causes it, each party has
// a budget of its own (up to 64; the others share one). Text from peers passes through printable().
// No global: a Log is made in main() and passed by reference. One thread.
#pragma once

#include <fmt/core.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace buzon::bus {

/// Security: a request that policy refused; syslog files it under "auth" instead of "daemon".
enum class LogLevel { Info, Warning, Error, Security };

/// A kind of event with a budget of its own. Constants, compared by name; the name completes
/// "12 records suppressed: ...", so `LogKind("policy denials")`.
struct LogKind {
    // Explicit, so that a text in braces can't be taken for a kind.
    explicit constexpr LogKind(std::string_view kind) : name(kind) {}
    std::string_view name;
};

/// Whose doing a record is: each has a budget of its own, so that nobody can drown what others do.
/// No uid: somebody who has not said who he is. With a pid it is that one program of the user,
/// which has a fifth of the budget.
struct LogParty {
    std::optional<std::uint32_t> uid;
    std::optional<std::int32_t> pid = {};
};

/// A kind may write `burst` records at once and one more per `refill` afterwards.
struct LogBudget {
    std::uint32_t burst = 100;
    std::chrono::milliseconds refill{1000};
};

class Log {
public:
    using Output = std::function<void(LogLevel, std::string_view text)>;
    using Clock = std::function<std::chrono::steady_clock::time_point()>;

    explicit Log(
        Output output, LogBudget budget = {}, Clock clock = [] {
            return std::chrono::steady_clock::now();
        });
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    /// Put before every text from now on, such as "[session uid=1000 pid=7] ".
    void set_prefix(std::string prefix) { prefix_ = std::move(prefix); }
    /// Replaces the output: start-up knows only after reading the configuration whether to use
    /// syslog.
    void set_output(Output output) { output_ = std::move(output); }

    template <typename... Arguments>
    void info(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
        write(LogLevel::Info, format, fmt::make_format_args(arguments...));
    }
    template <typename... Arguments>
    void warning(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
        write(LogLevel::Warning, format, fmt::make_format_args(arguments...));
    }
    template <typename... Arguments>
    void error(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
        write(LogLevel::Error, format, fmt::make_format_args(arguments...));
    }

    /// The same within the budget of `kind`. Nothing is formatted once that is spent.
    template <typename... Arguments>
    void info(LogKind kind, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
        write_limited(kind, LogLevel::Info, format, fmt::make_format_args(arguments...));
    }
    template <typename... Arguments>
    void warning(LogKind kind, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
        write_limited(kind, LogLevel::Warning, format, fmt::make_format_args(arguments...));
    }

    template <typename... Arguments>
    void error(LogKind kind, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
        write_limited(kind, LogLevel::Error, format, fmt::make_format_args(arguments...));
    }

    /// The same within what `party` has of it.
    template <typename... Arguments>
    void info(LogKind kind,
              LogParty party,
              fmt::format_string<Arguments...> format,
              Arguments&&... arguments) {
        if (admit(kind, LogLevel::Info, party))
            write(LogLevel::Info, format, fmt::make_format_args(arguments...));
    }
    template <typename... Arguments>
    void warning(LogKind kind,
                 LogParty party,
                 fmt::format_string<Arguments...> format,
                 Arguments&&... arguments) {
        if (admit(kind, LogLevel::Warning, party))
            write(LogLevel::Warning, format, fmt::make_format_args(arguments...));
    }

    /// Takes one record of `kind` out of the budget of `party`. False: that is spent; the record is
    /// counted and not to be written.
    [[nodiscard]] bool admit(LogKind kind, LogLevel level, LogParty party);
    /// Writes a record that was admitted.
    void write_admitted(LogLevel level, std::string_view text) { emit(level, std::string(text)); }

    /// Reports what was suppressed so far: at the end, and now and then from a timer.
    void report_suppressed();
    /// `listener` is called for every record that is suppressed; an empty one: nobody.
    void on_suppression(std::function<void()> listener) { on_suppression_ = std::move(listener); }

private:
    struct Bucket {
        LogLevel level = LogLevel::Info;
        std::uint32_t burst = 0;
        std::uint32_t tokens = 0;
        std::chrono::steady_clock::time_point refilled_at;
        std::uint64_t suppressed = 0;
    };

    /// Kind, and whose: "" for kinds that do not tell parties apart.
    using BucketKey = std::pair<std::string_view, std::string>;

    void write(LogLevel level, fmt::string_view format, fmt::format_args arguments);
    void write_limited(LogKind kind,
                       LogLevel level,
                       fmt::string_view format,
                       fmt::format_args arguments);
    bool take(LogKind kind, LogLevel level, std::uint32_t burst, std::string party);
    [[nodiscard]] std::string party_with_room(LogKind kind, LogParty party);
    void forget_idle_parties();
    void refill(Bucket& bucket);
    void report(const BucketKey& key, Bucket& bucket);
    void emit(LogLevel level, std::string text);

    Output output_;
    std::string prefix_;
    LogBudget budget_;
    Clock clock_;
    std::function<void()> on_suppression_;
    std::map<BucketKey, Bucket> buckets_;
    std::size_t party_count_ = 0;  // buckets that are of one party
};

/// `text` from a peer, fit for one line of a log: control and invisible formatting characters,
/// bytes that are not UTF-8, `"` and `\` are escaped, and what is beyond `max_bytes` becomes "...".
[[nodiscard]] std::string printable(std::string_view text, std::size_t max_bytes = 256);

/// The same for a text of ours that quotes a file or a library: its own `"` and `\` stay.
[[nodiscard]] std::string on_one_line(std::string_view text, std::size_t max_bytes = 4096);

}  // namespace buzon::bus
