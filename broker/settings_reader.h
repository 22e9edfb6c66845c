// SPDX-License-Identifier: Apache-2.0
// From configuration files to what the bus works with, at the start and for each reload.
// Reads files and asks for users, which may block: everything else works on the plain values.
// Errors: ConfigError with file and line; a reload gives its text as a value.
#pragma once

#include <string>

#include "broker/bus_state.h"
#include "broker/options.h"
#include "bus/auth_protocol.h"
#include "bus/base/log.h"
#include "bus/base/result.h"
#include "policy/config.h"

namespace buzon::broker {

class SettingsReader {
public:
    SettingsReader(const Options& options, bus::Log& log);

    /// Throws if a file is wrong, or has rules that are not enforced, unless that is asked for.
    [[nodiscard]] policy::Config read_config() const;
    /// Users and groups looked up; warnings go to the log.
    [[nodiscard]] Settings compile(const policy::Config& config) const;
    /// Both, for a running bus; also makes the directories that services may be put into.
    [[nodiscard]] bus::Result<Settings, std::string> reload() const;

private:
    void log_warnings(const policy::Config& config) const;

    std::string path_;  // absolute, so that it outlives a chdir()
    bool accept_unenforced_;
    bus::Log& log_;
};

/// Makes the directories of `config` that only last as long as the session. One that can't be made
/// is a warning.
void make_transient_directories(const policy::Config& config, bus::Log& log);

/// What <auth> allows; everything if there is none.
[[nodiscard]] bus::AuthMechanisms auth_mechanisms(const policy::Config& config);

}  // namespace buzon::broker
