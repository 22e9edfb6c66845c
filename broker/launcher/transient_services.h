// SPDX-License-Identifier: Apache-2.0
// $XDG_RUNTIME_DIR/dbus-1/services: where programs of a session put service files that shall not
// outlive it. The bus makes it, because libraries expect to find it.
// Source: dbus-daemon(1), <standard_session_servicedirs>.
#pragma once

#include <sys/types.h>

#include <string>

namespace buzon::broker {

/// Makes `directory` (".../dbus-1/services") and its parent, mode 0700, where they do not exist.
/// Returns why not if that is impossible or unsafe: the runtime directory above them must belong to
/// `owner` and be writable by nobody else. Empty: all is well.
[[nodiscard]] std::string make_transient_services(const std::string& directory, uid_t owner);

}  // namespace buzon::broker
