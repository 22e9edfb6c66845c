// SPDX-License-Identifier: Apache-2.0
// From configuration files to what the bus works with, at the start and for each reload.
// Reads files and asks for users, which may block: the launcher's affair, never the broker's.
// Errors: ConfigError with file and line, as for everything in a configuration.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/options.h"
#include "broker/start_settings.h"
#include "policy/config.h"
#include "policy/user_database.h"

namespace buzon::broker {

enum class LoadPurpose : std::uint8_t { Start, Reload };

class ConfigurationReader {
public:
    explicit ConfigurationReader(const Options& options);

    /// Throws if a file is wrong, or has rules that are not enforced, unless that is asked for; and
    /// if the name service does not answer, as policy::resolve() says.
    [[nodiscard]] LoadedConfiguration load(LoadPurpose purpose) const;

private:
    [[nodiscard]] policy::Config read(LoadPurpose purpose) const;

    std::string path_;                          // absolute, so that it outlives a chdir()
    std::vector<std::string> mailbox_configs_;  // absolute as well
    bool accept_unenforced_;
};

/// Makes `directories`, which only last as long as the session. Returns a warning for each that
/// can't be made.
[[nodiscard]] std::vector<std::string> make_transient_directories(
    const std::vector<std::string>& directories);

/// What <auth> allows; everything if there is none.
[[nodiscard]] bus::AuthMechanisms auth_mechanisms(const policy::Config& config);

/// Whom to become; nothing without <user>. Throws if there is no such user.
[[nodiscard]] std::optional<Identity> configured_identity(const policy::Config& config,
                                                          policy::UserDatabase& users);

/// Throws, naming the first place of them, if `config` has rules that this version does not
/// enforce.
void refuse_unenforced(const policy::Config& config);

}  // namespace buzon::broker
