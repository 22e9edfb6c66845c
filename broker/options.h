// SPDX-License-Identifier: Apache-2.0
// buzond's command line: that of dbus-daemon 1.14, so that it can stand in its place, and flags of
// our own. Pure: words in, values out; nothing is opened or printed here. Errors: CommandLineError,
// whose text goes to standard error before exit status 1. Source: dbus-daemon(1); what 1.14.10 does
// where the manual is silent (tests/broker/options_test.cc).
#pragma once

#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "broker/permissive_mode.h"

namespace buzon::broker {

inline constexpr std::string_view kSessionConfigFile = "/usr/share/dbus-1/session.conf";
inline constexpr std::string_view kSystemConfigFile = "/usr/share/dbus-1/system.conf";

enum class ForkChoice { AsConfigured, Always, Never };
/// AsConfigured: standard error, and syslog too where the configuration says <syslog/>.
enum class SyslogChoice { AsConfigured, Never, Also, Only };
enum class PidfileChoice { AsConfigured, Never };

struct Options {
    std::string config_file;
    /// Read behind the files of buzon's own in their directories.
    std::vector<std::string> mailbox_configs;
    std::optional<std::string> address;  // instead of every <listen>
    std::optional<std::string> metrics_address;
    std::optional<int> print_address_fd;
    std::optional<int> print_pid_fd;
    ForkChoice fork = ForkChoice::AsConfigured;
    PidfileChoice pidfile = PidfileChoice::AsConfigured;
    SyslogChoice syslog = SyslogChoice::AsConfigured;
    bool systemd_activation = false;
    /// Start although the configuration has rules that are not enforced yet.
    bool unsafe_partial_policy = false;
    PermissiveMode permissive = {};

    bool operator==(const Options&) const = default;
};

enum class Command { Run, PrintUsage, PrintVersion, PrintIntrospection };

struct CommandLine {
    Command command = Command::Run;
    Options options;  // meaningful for Run

    bool operator==(const CommandLine&) const = default;
};

class CommandLineError : public std::runtime_error {
public:
    enum class Usage { Omit, Show };

    explicit CommandLineError(const std::string& text, Usage usage = Usage::Omit)
        : std::runtime_error(text), usage_(usage) {}
    /// Whether usage_text() belongs after the error.
    [[nodiscard]] Usage usage() const { return usage_; }

private:
    Usage usage_;
};

/// `words` without the program's name. The first word that asks for help, version or introspection
/// ends the parse, as does the first error.
[[nodiscard]] CommandLine parse_command_line(std::span<const std::string> words);

/// One line with every option, and its newline.
[[nodiscard]] std::string usage_text(std::string_view program);
[[nodiscard]] std::string version_text();

}  // namespace buzon::broker
