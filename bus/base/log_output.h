// SPDX-License-Identifier: Apache-2.0
// Where the records of a Log go: standard error, the syslog socket, both, or nowhere.
// Invariant: writing never waits. A reader that stalls (a full pipe, a busy journal) loses records,
// and the next one that gets through says how many; the bus does not stand still for its log.
// Source: RFC 3164 for the syslog line; dbus-daemon(1) for "NAME[PID]: TEXT" on standard error.
#pragma once

#include <string>

#include "bus/base/log.h"

namespace buzon::bus {

enum class LogTarget { None, Stderr, Syslog, Both };

/// `identifier` is the program's name in every record; the pid is read anew for each, so a fork
/// needs no care. The syslog socket is connected here, and again when a later record finds it gone;
/// that it cannot be reached is not an error. Never throws on writing.
[[nodiscard]] Log::Output make_log_output(std::string identifier,
                                          LogTarget target,
                                          int stderr_fd = 2,
                                          std::string syslog_path = "/dev/log");

}  // namespace buzon::bus
