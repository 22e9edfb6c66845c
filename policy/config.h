// SPDX-License-Identifier: Apache-2.0
// A whole <busconfig>, includes resolved, as plain values: what the files say, nothing looked up.
// Users and groups are still names. Source: dbus-daemon(1), "CONFIGURATION FILE".
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "policy/limits.h"
#include "policy/location.h"
#include "policy/rule.h"

namespace buzon::policy {

/// The configuration can't be used. what() reads `FILE:LINE:COLUMN: TEXT`; line 0 means that the
/// file could not be read at all, and is left out. What is no printable text in it is escaped: it
/// may quote any byte of a file.
class ConfigError : public std::runtime_error {
public:
    ConfigError(std::string file,
                std::uint32_t line,
                std::uint32_t column,
                const std::string& text);
    [[nodiscard]] const std::string& file() const { return file_; }
    [[nodiscard]] std::uint32_t line() const { return line_; }
    [[nodiscard]] std::uint32_t column() const { return column_; }
    /// What is wrong and what was expected, without the place.
    [[nodiscard]] const std::string& text() const { return text_; }

private:
    std::string file_;
    std::uint32_t line_;
    std::uint32_t column_;
    std::string text_;
};

struct ServiceDirectory {
    /// Transient: made by the bus itself (0700) under $XDG_RUNTIME_DIR, used only if it is ours,
    /// and not watched for changes.
    enum class Kind : std::uint8_t { Ordinary, Transient };
    std::string path;
    Kind kind = Kind::Ordinary;
    Location location;
};

/// <associate own= context=>
struct SelinuxAssociation {
    std::string name;
    std::string context;
    Location location;
};

enum class AppArmorMode : std::uint8_t { Disabled, Enabled, Required };

/// Something that the file demands and that we can't do yet: to go on would make the policy another
/// one than was written.
struct Unenforced {
    Location location;
    std::string text;
};

/// <limits> for one user or one destination, of files of ours.
struct SpecialLimits {
    /// A user's name or number, not looked up; or a well-known name.
    std::string subject;
    Location location;
    std::vector<LimitSetting> settings;
};

struct Config {
    SourceFiles files;
    /// `session`, `system` or anything else.
    std::optional<Located<std::string>> type;
    /// Whom to become: a name or a number, not looked up.
    std::optional<Located<std::string>> user;
    bool fork = false;
    bool keep_umask = false;
    bool syslog = false;
    bool allow_anonymous = false;
    std::optional<Located<std::string>> pidfile;
    /// As written, not parsed. Never empty.
    std::vector<Located<std::string>> listen;
    /// Empty: all that there are.
    std::vector<Located<std::string>> auth_mechanisms;
    /// The standard ones expanded; in order of search, each once.
    std::vector<ServiceDirectory> service_directories;
    std::optional<Located<std::string>> service_helper;
    std::vector<SelinuxAssociation> selinux_associations;
    std::optional<Located<AppArmorMode>> apparmor;
    /// In file order, includes at their place.
    std::vector<PolicyBlock> policies;
    Limits limits;
    /// In file order: of two that say something about the same, the later one counts.
    std::vector<SpecialLimits> user_limits;
    std::vector<SpecialLimits> destination_limits;

    /// Directories whose change means that the configuration may have changed: those of
    /// <includedir>, existing or not. Files: see `files`.
    std::vector<std::string> watched_directories;
    std::vector<Warning> warnings;
    std::vector<Unenforced> unenforced;
};

}  // namespace buzon::policy
